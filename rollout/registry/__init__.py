"""The registry as a source of wanted versions: the aliases of an MLflow server become changes of the rollout document."""
