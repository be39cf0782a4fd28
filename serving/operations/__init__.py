"""Operations: metrics, health, drain, logs and worker processes."""
