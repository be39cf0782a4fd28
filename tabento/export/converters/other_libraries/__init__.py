"""Converters of XGBoost, LightGBM, CatBoost, imbalanced-learn, feature_engine and category_encoders."""
