DROP TABLE link;
DROP TABLE sign_in_throttle;
DROP TABLE session;
DROP TABLE account_role;
DROP TABLE account;
