-- The databases of feedback and of MLflow, each with a user of its own. psql runs this file once, in an empty server. The passwords
-- are read from files, so that they are neither in this file nor on a command line.
\set ON_ERROR_STOP on
\set feedback_password `cat "$INIT_FOLDER/feedback_password"`
\set mlflow_password `cat "$INIT_FOLDER/mlflow_password"`
CREATE ROLE feedback LOGIN PASSWORD :'feedback_password';
CREATE ROLE mlflow LOGIN PASSWORD :'mlflow_password';
CREATE DATABASE feedback OWNER feedback;
CREATE DATABASE mlflow OWNER mlflow;
REVOKE CONNECT ON DATABASE feedback, mlflow, postgres FROM PUBLIC;
