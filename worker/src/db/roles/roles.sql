-- Creates Scrip's roles: an owner for migrations, a worker for service, a reader for reports.
-- Run this as an administrator in Scrip's database, before the first `scrip migrate up` and again after each update.
-- The script may be run repeatedly. It sets no passwords: set them with `\password {owner}`, and so on for each role.
DO $roles$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = '{owner}') THEN
    CREATE ROLE "{owner}" LOGIN;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = '{worker}') THEN
    CREATE ROLE "{worker}" LOGIN;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = '{reader}') THEN
    CREATE ROLE "{reader}" LOGIN;
  END IF;

  EXECUTE format('GRANT CONNECT ON DATABASE %I TO "{owner}", "{worker}", "{reader}"', current_database());
  EXECUTE format('GRANT USAGE, CREATE ON SCHEMA %I TO "{owner}"', current_schema());
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO "{worker}", "{reader}"', current_schema());
  -- Before PostgreSQL 15 every role may create tables in the schema `public`.
  EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC, "{worker}", "{reader}"', current_schema());
  -- A report reads when the open transactions of other roles began.
  GRANT pg_read_all_stats TO "{reader}";
END
$roles$;

-- Transfers tables, types and functions that another role created to the owner.
DO $owner$
DECLARE
  change text;
BEGIN
  FOR change IN
    SELECT format('ALTER TABLE %s OWNER TO "{owner}"', c.oid::regclass)
      FROM pg_catalog.pg_class c
     WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
       AND c.relowner <> '"{owner}"'::regrole
       AND c.relname = ANY (string_to_array('{tables}', ', '))
    UNION ALL
    SELECT format('ALTER %s %s OWNER TO "{owner}"', CASE t.typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END,
             t.oid::regtype)
      FROM pg_catalog.pg_type t
     WHERE t.typnamespace = current_schema()::regnamespace AND t.typowner <> '"{owner}"'::regrole
       AND t.typname ~ '^credits_(allocation|balance|batch|hold|hold_slice|transaction)_(fields|rules)$|^credits_transaction_sender$'
    UNION ALL
    SELECT format('ALTER FUNCTION %s OWNER TO "{owner}"', p.oid::regprocedure)
      FROM pg_catalog.pg_proc p
     WHERE p.pronamespace = current_schema()::regnamespace AND p.proowner <> '"{owner}"'::regrole
       AND p.proname IN ('credits_expect', 'operator_action_refuse', 'operator_action_time')
  LOOP
    EXECUTE change;
  END LOOP;
END
$owner$;
