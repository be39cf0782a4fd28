"""The values that the parameters of a class can take, usual and unusual. A single value is always taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import expit

Choices = Mapping[str, Sequence[Any]]

WEIGHTS = (None, "balanced")
TREE: Choices = {
    "max_depth": (3, 1, 5, None),
    "min_samples_leaf": (1, 5, 0.1),
    "max_features": (None, 1, 0.5, "sqrt", "log2"),
    "max_leaf_nodes": (None, 4),
    "ccp_alpha": (0.0, 0.01),
    "min_impurity_decrease": (0.0, 0.001),
    "splitter": ("best", "random"),
}
TREE_REGRESSOR: Choices = {**TREE, "criterion": ("squared_error", "friedman_mse", "absolute_error", "poisson")}
TREE_CLASSIFIER: Choices = {**TREE, "criterion": ("gini", "entropy", "log_loss"), "class_weight": WEIGHTS}
FOREST: Choices = {
    **{name: values for name, values in TREE.items() if name != "splitter"},
    "n_estimators": (3,),
    "bootstrap": (True, False),
}
FOREST_REGRESSOR: Choices = {**FOREST, "criterion": TREE_REGRESSOR["criterion"]}
FOREST_CLASSIFIER: Choices = {
    **FOREST,
    "criterion": TREE_CLASSIFIER["criterion"],
    "class_weight": (*WEIGHTS, "balanced_subsample"),
}
BOOSTING: Choices = {
    "n_estimators": (4,),
    "max_depth": (2, 3, None),
    "subsample": (1.0, 0.7),
    "learning_rate": (0.1, 1, 0.5),
    "init": (None, "zero"),
    "max_leaf_nodes": (None, 4),
    "n_iter_no_change": (None, 2),
}
HISTOGRAM: Choices = {
    "max_iter": (4,),
    "max_depth": (None, 2),
    "max_bins": (255, 8),
    "min_samples_leaf": (20, 3),
    "l2_regularization": (0, 1),
    "early_stopping": ("auto", True),
    "interaction_cst": (None, "no_interactions"),
}
NEIGHBOURS: Choices = {
    "n_neighbors": (5, 1, 3),
    "weights": ("uniform", "distance"),
    "algorithm": ("auto", "brute", "kd_tree", "ball_tree"),
    "metric": ("minkowski", "manhattan", "chebyshev", "euclidean"),
    "p": (2, 1, 3),
}
KERNEL: Choices = {
    "kernel": ("rbf", "linear", "poly", "sigmoid"),
    "C": (1, 0.1, 10.0),
    "coef0": (0, 1, 0.5),
    "degree": (3, 2),
    "gamma": ("scale", "auto", 1, 0.1),
}
SVC: Choices = {
    **KERNEL,
    "class_weight": WEIGHTS,
    "decision_function_shape": ("ovr", "ovo"),
    "break_ties": (False, True),
    "probability": (False, False, True),
}
SGD: Choices = {"max_iter": (50,), "penalty": ("l2", "l1", "elasticnet", None), "average": (False, True)}
NETWORK: Choices = {
    "hidden_layer_sizes": ((4,), (3, 2), ()),
    "max_iter": (20,),
    "activation": ("relu", "tanh", "logistic", "identity"),
    "solver": ("adam", "lbfgs", "sgd"),
    "early_stopping": (False, True),
}
COMPONENTS: Choices = {"n_components": (2, 1, 3)}
XGBOOST: Choices = {
    "n_estimators": (4,),
    "n_jobs": (1,),
    "max_depth": (2, 6),
    "booster": ("gbtree", "gbtree", "dart", "gblinear"),
    "tree_method": ("hist", "exact", "approx"),
    "base_score": (None, 0.5),
    "reg_lambda": (1, 0),
    "grow_policy": ("depthwise", "lossguide"),
    "num_parallel_tree": (None, 2),
    "missing": (np.nan, np.nan, 0),
}
LIGHTGBM: Choices = {
    "n_estimators": (4,),
    "n_jobs": (1,),
    "verbose": (-1,),
    "min_child_samples": (5,),
    "boosting_type": ("gbdt", "dart", "rf", "gbdt"),
    "bagging_freq": (1,),
    "bagging_fraction": (0.8,),
    "linear_tree": (False, False, True),
    "zero_as_missing": (False, True),
    "use_missing": (True, False),
    "max_bin": (255, 8),
}
LINEAR: Choices = {"fit_intercept": (True, False), "positive": (False, True)}

REGRESSORS: dict[str, Choices] = {
    "LinearRegression": LINEAR,
    "Ridge": {"alpha": (1, 0.1, 10), "solver": ("auto", "svd", "lsqr", "sag"), "fit_intercept": (True, False)},
    "RidgeCV": {},
    "Lasso": {"alpha": (0.01, 1), **LINEAR},
    "LassoCV": {"cv": (2,)},
    "ElasticNet": {"alpha": (0.01, 1), "l1_ratio": (0.5, 1, 0)},
    "BayesianRidge": {},
    "ARDRegression": {},
    "HuberRegressor": {"epsilon": (1.35, 2)},
    "QuantileRegressor": {"alpha": (0.1,), "quantile": (0.5, 0.9)},
    "SGDRegressor": {**SGD, "loss": ("squared_error", "huber", "epsilon_insensitive")},
    "LinearSVR": {"max_iter": (200,)},
    "PoissonRegressor": {"alpha": (1, 0)},
    "GammaRegressor": {},
    "TweedieRegressor": {"power": (0, 1, 1.5, 2), "link": ("auto", "identity", "log")},
    "TheilSenRegressor": {"max_subpopulation": (100,)},
    "RANSACRegressor": {},
    "OrthogonalMatchingPursuit": {},
    "LassoLars": {"alpha": (0.01,)},
    "PLSRegression": COMPONENTS,
    "KernelRidge": {
        "kernel": ("linear", "rbf", "poly", "laplacian", "cosine", "chi2"),
        "coef0": (1, 0),
        "gamma": (None, 1),
    },
    "SVR": {**KERNEL, "epsilon": (0.1, 0)},
    "NuSVR": {**KERNEL, "nu": (0.5, 0.2)},
    "KNeighborsRegressor": NEIGHBOURS,
    "RadiusNeighborsRegressor": {"radius": (100.0,)},
    "MLPRegressor": NETWORK,
    "GaussianProcessRegressor": {"alpha": (1e-10, 0.1), "normalize_y": (False, True)},
    "DecisionTreeRegressor": TREE_REGRESSOR,
    "ExtraTreeRegressor": TREE_REGRESSOR,
    "RandomForestRegressor": FOREST_REGRESSOR,
    "ExtraTreesRegressor": FOREST_REGRESSOR,
    "GradientBoostingRegressor": {**BOOSTING, "loss": ("squared_error", "absolute_error", "huber", "quantile")},
    "HistGradientBoostingRegressor": {
        **HISTOGRAM,
        "loss": ("squared_error", "absolute_error", "poisson", "gamma", "quantile"),
        "quantile": (0.7,),
    },
    "DummyRegressor": {"strategy": ("mean", "median")},
    "XGBRegressor": {
        **XGBOOST,
        "objective": ("reg:squarederror", "reg:absoluteerror", "count:poisson", "reg:logistic", "reg:gamma"),
    },
    "XGBRFRegressor": {"n_estimators": (3,), "n_jobs": (1,)},
    "LGBMRegressor": {**LIGHTGBM, "objective": (None, "l1", "huber", "poisson", "quantile", "tweedie")},
}
CLASSIFIERS: dict[str, Choices] = {
    "LogisticRegression": {
        "C": (1, 0.1, 10),
        "class_weight": WEIGHTS,
        "solver": ("lbfgs", "liblinear", "saga", "newton-cg"),
        "fit_intercept": (True, False),
        "max_iter": (100,),
    },
    "LogisticRegressionCV": {"cv": (2,), "Cs": (2,)},
    "RidgeClassifier": {"class_weight": WEIGHTS},
    "SGDClassifier": {**SGD, "loss": ("hinge", "log_loss", "modified_huber", "perceptron"), "class_weight": WEIGHTS},
    "Perceptron": {"max_iter": (50,)},
    "PassiveAggressiveClassifier": {"max_iter": (50,)},
    "LinearSVC": {"max_iter": (200,), "multi_class": ("ovr", "crammer_singer"), "class_weight": WEIGHTS},
    "LinearDiscriminantAnalysis": {"solver": ("svd", "lsqr", "eigen"), "shrinkage": (None,)},
    "QuadraticDiscriminantAnalysis": {"reg_param": (0, 0.1)},
    "SVC": SVC,
    "NuSVC": {**SVC, "nu": (0.2,)},
    "KNeighborsClassifier": NEIGHBOURS,
    "RadiusNeighborsClassifier": {"radius": (100.0,), "outlier_label": (None, "most_frequent")},
    "NearestCentroid": {},
    "MLPClassifier": NETWORK,
    "GaussianProcessClassifier": {"multi_class": ("one_vs_rest", "one_vs_one")},
    "GaussianNB": {},
    "BernoulliNB": {"alpha": (1, 0.1), "binarize": (0.0, 0, 1, None)},
    "MultinomialNB": {},
    "ComplementNB": {"norm": (False, True)},
    "CategoricalNB": {},
    "DecisionTreeClassifier": TREE_CLASSIFIER,
    "ExtraTreeClassifier": TREE_CLASSIFIER,
    "RandomForestClassifier": FOREST_CLASSIFIER,
    "ExtraTreesClassifier": FOREST_CLASSIFIER,
    "GradientBoostingClassifier": {**BOOSTING, "loss": ("log_loss", "exponential")},
    "HistGradientBoostingClassifier": {**HISTOGRAM, "class_weight": WEIGHTS},
    "DummyClassifier": {"strategy": ("prior", "most_frequent", "stratified", "uniform")},
    "LabelPropagation": {},
    "XGBClassifier": XGBOOST,
    "XGBRFClassifier": {"n_estimators": (3,), "n_jobs": (1,)},
    "LGBMClassifier": {**LIGHTGBM, "class_weight": WEIGHTS},
}
DETECTORS: dict[str, Choices] = {
    "IsolationForest": {"n_estimators": (4,), "contamination": ("auto", 0.1), "max_features": (1.0, 0.5)},
    "OneClassSVM": {"kernel": ("rbf", "linear", "poly"), "nu": (0.5, 0.1), "coef0": (0, 1)},
    "EllipticEnvelope": {"contamination": (0.1,)},
    "SGDOneClassSVM": {},
    "LocalOutlierFactor": {"novelty": (True, False)},
}
STEPS: dict[str, tuple[float, Choices]] = {
    "StandardScaler": (6, {"with_mean": (True, False), "with_std": (True, False)}),
    "MinMaxScaler": (3, {"feature_range": ((0, 1), (-1, 2)), "clip": (False, True)}),
    "RobustScaler": (
        2,
        {"with_centering": (True, False), "quantile_range": ((25, 75), (5.0, 95.0)), "unit_variance": (False, True)},
    ),
    "MaxAbsScaler": (2, {}),
    "Normalizer": (1, {"norm": ("l2", "l1", "max")}),
    "QuantileTransformer": (1.5, {"n_quantiles": (20,), "output_distribution": ("uniform", "normal")}),
    "PowerTransformer": (1.5, {"method": ("yeo-johnson", "box-cox"), "standardize": (True, False)}),
    "KBinsDiscretizer": (
        1.5,
        {
            "n_bins": (4, 2),
            "encode": ("onehot", "onehot-dense", "ordinal"),
            "strategy": ("quantile", "uniform", "kmeans"),
            "dtype": (None, np.float32),
            "quantile_method": ("averaged_inverted_cdf",),
        },
    ),
    "Binarizer": (1, {"threshold": (0, 0.5, 1)}),
    "PolynomialFeatures": (
        2,
        {
            "degree": (2, (1, 2), 3),
            "interaction_only": (False, True),
            "include_bias": (True, False),
            "order": ("C", "F"),
        },
    ),
    "SplineTransformer": (
        1.5,
        {
            "n_knots": (3, 4),
            "degree": (3, 2),
            "knots": ("uniform", "quantile"),
            "extrapolation": ("constant", "linear", "continue", "periodic", "error"),
        },
    ),
    "PCA": (3, {"n_components": (2, 1, 0.9, None), "whiten": (False, True), "svd_solver": ("auto", "full")}),
    "IncrementalPCA": (0.5, COMPONENTS),
    "TruncatedSVD": (1.5, {"n_components": (2, 1)}),
    "KernelPCA": (0.7, {**COMPONENTS, "kernel": ("rbf", "poly", "linear", "sigmoid"), "coef0": (1, 0)}),
    "FactorAnalysis": (0.4, COMPONENTS),
    "FastICA": (0.5, {**COMPONENTS, "fun": ("logcosh", "cube")}),
    "SparsePCA": (0.2, {"n_components": (2,), "max_iter": (20,)}),
    "NMF": (0.2, COMPONENTS),
    "LinearDiscriminantAnalysis": (0.4, {"n_components": (1,)}),
    "GaussianRandomProjection": (0.4, COMPONENTS),
    "SparseRandomProjection": (0.4, {**COMPONENTS, "dense_output": (False, True)}),
    "Nystroem": (
        0.6,
        {"n_components": (5,), "kernel": ("rbf", "poly", "linear"), "coef0": (None, 1), "degree": (None, 2)},
    ),
    "RBFSampler": (0.5, {"n_components": (5,), "gamma": (1, 0.1, "scale")}),
    "PolynomialCountSketch": (0.2, {"n_components": (5,)}),
    "AdditiveChi2Sampler": (0.2, {}),
    "RandomTreesEmbedding": (0.5, {"n_estimators": (3,), "max_depth": (2,), "sparse_output": (True, False)}),
    "FeatureAgglomeration": (0.4, {"n_clusters": (2,), "linkage": ("ward", "average")}),
    "KMeans": (0.8, {"n_clusters": (3, 2), "n_init": (1,)}),
    "MiniBatchKMeans": (0.3, {"n_clusters": (3,), "n_init": (1,)}),
    "Birch": (0.1, {"n_clusters": (3,)}),
    "IsotonicRegression": (0.1, {}),
    "Isomap": (0.1, COMPONENTS),
    "SelectKBest": (1.5, {"k": (1, 2, "all")}),
    "SelectPercentile": (0.7, {"percentile": (50, 80)}),
    "SelectFpr": (0.3, {"alpha": (0.9,)}),
    "SelectFdr": (0.2, {"alpha": (0.99,)}),
    "GenericUnivariateSelect": (0.3, {"mode": ("k_best", "percentile"), "param": (1, 2)}),
    "VarianceThreshold": (1, {"threshold": (0, 1e-3)}),
    "SelectFromModel": (1, {}),
    "RFE": (0.6, {}),
    "SequentialFeatureSelector": (0.3, {}),
    "FunctionTransformer": (4, {}),
    "SimpleImputer": (1, {"strategy": ("mean", "median", "most_frequent"), "add_indicator": (False, True)}),
    "MissingIndicator": (0.2, {"features": ("all", "missing-only")}),
}
IMPUTERS: dict[str, tuple[float, Choices]] = {
    "SimpleImputer": (
        8,
        {
            "strategy": ("mean", "median", "most_frequent", "constant"),
            "fill_value": (None, 0, -1, 2.5),
            "add_indicator": (False, True),
            "keep_empty_features": (False, True),
        },
    ),
    "KNNImputer": (1.5, {"n_neighbors": (5, 1), "weights": ("uniform", "distance"), "add_indicator": (False, True)}),
    "IterativeImputer": (1, {"max_iter": (2,), "initial_strategy": ("mean", "median"), "skip_complete": (False, True)}),
}
TEXT_IMPUTERS: dict[str, tuple[float, Choices]] = {
    "SimpleImputer": (
        1,
        {
            "strategy": ("most_frequent", "constant"),
            "fill_value": ("none", "red"),
            "add_indicator": (False, False, True),
        },
    ),
}
ENCODERS: dict[str, tuple[float, Choices]] = {
    "OneHotEncoder": (
        8,
        {
            "handle_unknown": ("ignore", "error", "infrequent_if_exist", "warn"),
            "drop": (None, None, "first", "if_binary"),
            "sparse_output": (True, False),
            "dtype": (np.float64, np.float32, np.int64, bool),
            "min_frequency": (None, 5, 0.1),
            "max_categories": (None, 3),
        },
    ),
    "OrdinalEncoder": (
        4,
        {
            "dtype": (np.float64, np.float32, np.int64),
            "min_frequency": (None, 5),
            "max_categories": (None, 3),
            "encoded_missing_value": (np.nan, np.nan, -2),
        },
    ),
    "TargetEncoder": (2, {"smooth": ("auto", 2, 5.0), "cv": (2,), "target_type": ("auto",)}),
    "CountVectorizer": (0.1, {}),
}
FUNCTIONS: tuple[Any, ...] = (
    np.log1p,
    np.sqrt,
    np.abs,
    np.square,
    np.exp,
    np.log,
    np.cbrt,
    np.expm1,
    np.tanh,
    np.sign,
    np.arcsinh,
    np.reciprocal,
    np.nan_to_num,
    np.negative,
    np.rint,
    np.floor,
    expit,
    np.sin,
    None,
    np.cumsum,
    np.isnan,
)
INVERSES: tuple[tuple[Any, Any], ...] = (
    (np.log1p, np.expm1),
    (np.log, np.exp),
    (np.sqrt, np.square),
    (np.cbrt, lambda values: values**3),
    (np.arcsinh, np.sinh),
    (None, None),
)
