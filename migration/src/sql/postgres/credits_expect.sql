-- A statement that calls this function fails unless it wrote the expected number of rows.
CREATE FUNCTION credits_expect(written bigint, expected bigint) RETURNS boolean
  LANGUAGE plpgsql AS $$
  BEGIN
    IF written <> expected THEN
      RAISE EXCEPTION 'rows are not as they were read: % should have been written, % were',
        expected, written
        USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN true;
  END $$;
