-- Numbers come from sequences. A row of counter stays locked until its tx commits, so customers were added one after the
-- other. A sequence leaves a gap when a tx is rolled back.
CREATE SEQUENCE customer_number;
CREATE SEQUENCE transaction_number;
SELECT setval('customer_number', GREATEST((SELECT value FROM counter WHERE name = 'customer_number'), (SELECT max(number) FROM customer)));
SELECT setval('transaction_number', GREATEST((SELECT value FROM counter WHERE name = 'transaction_number'), (SELECT max(number) FROM transactions)));

-- Processes of the version before still count in the table: they get numbers of the sequences.
CREATE FUNCTION next_of_sequence() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  NEW.value := nextval(NEW.name::regclass);
  RETURN NEW;
END $$;
CREATE TRIGGER counter_sequence BEFORE UPDATE ON counter FOR EACH ROW
  WHEN (NEW.name IN ('customer_number', 'transaction_number')) EXECUTE FUNCTION next_of_sequence();

-- Whoever may count in the table may use the sequences.
DO $$ DECLARE who TEXT; BEGIN
  FOR who IN SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END
    FROM pg_class, aclexplode(relacl) WHERE pg_class.oid = 'counter'::regclass AND privilege_type = 'UPDATE'
  LOOP
    EXECUTE 'GRANT USAGE ON SEQUENCE customer_number, transaction_number TO ' || who;
  END LOOP;
END $$;
