DROP TABLE policy_expectation;
DROP TABLE policy_draft;
DROP TABLE policy_version;
