-- Where a store can be stopped, in the database of one test. A store tells its name in `interleaving.writer`; sessions
-- without a name are stopped nowhere. A place is the writer, then where: 'first BEFORE INSERT credits_batch' (the
-- statement), 'first AT r2' (the row of this reference), 'first COMMIT'.

CREATE TABLE stage_mischief (place text NOT NULL, statement text NOT NULL);
CREATE TABLE stage_version (user_id text NOT NULL, old bigint NOT NULL, new bigint NOT NULL);
CREATE SEQUENCE stage_tries_first;
CREATE SEQUENCE stage_tries_second;

-- Waits while the test holds the place's lock, then does what mischief the test prepared for it.
CREATE FUNCTION stage_stop(place text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  mischief record;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(hashtext(place));
  FOR mischief IN SELECT m.statement FROM stage_mischief m WHERE m.place = stage_stop.place LOOP
    EXECUTE mischief.statement;
  END LOOP;
END $$;

-- The name of the writer, if it has one.
CREATE FUNCTION stage_writer() RETURNS text LANGUAGE sql STABLE AS
$$ SELECT NULLIF(current_setting('interleaving.writer', true), '') $$;

CREATE FUNCTION stage_statement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF stage_writer() IS NOT NULL THEN
    IF TG_WHEN = 'BEFORE' AND TG_OP = 'INSERT' AND TG_TABLE_NAME = 'credits_transaction' THEN
      -- Not undone by a rollback: how often a group was decided.
      PERFORM nextval('stage_tries_' || stage_writer());
    END IF;
    PERFORM stage_stop(concat_ws(' ', stage_writer(), TG_WHEN, TG_OP, TG_TABLE_NAME));
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION stage_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF stage_writer() IS NOT NULL THEN
    PERFORM stage_stop(stage_writer() || ' AT ' || NEW.reference_id);
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION stage_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF stage_writer() IS NOT NULL THEN
    PERFORM stage_stop(stage_writer() || ' COMMIT');
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION stage_note_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO stage_version VALUES (NEW.user_id, OLD.version, NEW.version);
  RETURN NULL;
END $$;

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['credits_balance', 'credits_batch', 'credits_transaction', 'credits_allocation',
                              'subscription', 'job_run'] LOOP
    EXECUTE format('CREATE TRIGGER stage_before BEFORE INSERT OR UPDATE OR DELETE ON %I
      FOR EACH STATEMENT EXECUTE FUNCTION stage_statement()', name);
    EXECUTE format('CREATE TRIGGER stage_after AFTER INSERT OR UPDATE OR DELETE ON %I
      FOR EACH STATEMENT EXECUTE FUNCTION stage_statement()', name);
  END LOOP;
END $$;

CREATE TRIGGER stage_row BEFORE INSERT ON credits_transaction FOR EACH ROW EXECUTE FUNCTION stage_row();
CREATE CONSTRAINT TRIGGER stage_commit AFTER INSERT ON credits_transaction DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION stage_commit();
CREATE TRIGGER stage_note_version AFTER UPDATE ON credits_balance FOR EACH ROW EXECUTE FUNCTION stage_note_version();
