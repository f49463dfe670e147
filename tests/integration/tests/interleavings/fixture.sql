-- The breakpoints in the database of one test. A store sets its name in `interleaving.writer`.
-- Sessions without a name have no breakpoints. The name of a breakpoint begins with the name of the
-- writer: 'first BEFORE INSERT credits_batch' (a statement), 'first AT r2' (the row with this
-- reference), 'first COMMIT'.

CREATE TABLE test_injection (breakpoint text NOT NULL, statement text NOT NULL);
CREATE TABLE test_version (user_id text NOT NULL, old bigint NOT NULL, new bigint NOT NULL);
CREATE SEQUENCE test_tries_first;
CREATE SEQUENCE test_tries_second;

-- Waits while the test holds the breakpoint's lock, then runs the injected statements.
CREATE FUNCTION test_stop(breakpoint text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  injection record;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(hashtext(breakpoint));
  FOR injection IN SELECT m.statement FROM test_injection m WHERE m.breakpoint = test_stop.breakpoint LOOP
    EXECUTE injection.statement;
  END LOOP;
END $$;

-- The name of the writer; NULL if the session has no name.
CREATE FUNCTION test_writer() RETURNS text LANGUAGE sql STABLE AS
$$ SELECT NULLIF(current_setting('interleaving.writer', true), '') $$;

CREATE FUNCTION test_statement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF test_writer() IS NOT NULL THEN
    IF TG_WHEN = 'BEFORE' AND TG_OP = 'INSERT' AND TG_TABLE_NAME = 'credits_transaction' THEN
      -- The number of decisions about a group. A rollback does not undo a sequence.
      PERFORM nextval('test_tries_' || test_writer());
    END IF;
    PERFORM test_stop(concat_ws(' ', test_writer(), TG_WHEN, TG_OP, TG_TABLE_NAME));
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION test_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF test_writer() IS NOT NULL THEN
    PERFORM test_stop(test_writer() || ' AT ' || NEW.reference_id);
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION test_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF test_writer() IS NOT NULL THEN
    PERFORM test_stop(test_writer() || ' COMMIT');
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION test_note_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO test_version VALUES (NEW.user_id, OLD.version, NEW.version);
  RETURN NULL;
END $$;

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['credits_balance', 'credits_batch', 'credits_transaction', 'credits_allocation',
                              'subscription', 'job_run'] LOOP
    EXECUTE format('CREATE TRIGGER test_before BEFORE INSERT OR UPDATE OR DELETE ON %I
      FOR EACH STATEMENT EXECUTE FUNCTION test_statement()', name);
    EXECUTE format('CREATE TRIGGER test_after AFTER INSERT OR UPDATE OR DELETE ON %I
      FOR EACH STATEMENT EXECUTE FUNCTION test_statement()', name);
  END LOOP;
END $$;

CREATE TRIGGER test_row BEFORE INSERT ON credits_transaction FOR EACH ROW EXECUTE FUNCTION test_row();
CREATE CONSTRAINT TRIGGER test_commit AFTER INSERT ON credits_transaction DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION test_commit();
CREATE TRIGGER test_note_version AFTER UPDATE ON credits_balance FOR EACH ROW EXECUTE FUNCTION test_note_version();
