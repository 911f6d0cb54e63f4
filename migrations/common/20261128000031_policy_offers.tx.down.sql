DROP TABLE policy_offer;
