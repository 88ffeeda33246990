-- Records are appended, never changed and never taken away: a slip with psql is refused. Whoever owns the tables can
-- take these triggers away, and then `ledger verify` finds what was done.
CREATE FUNCTION steadfast.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the records of a Steadfast ledger are append-only: % is refused', TG_OP
        USING HINT = '`steadfast ledger prune` drops old payloads, and keeps the records.';
END
$$;

-- `ledger rebuild` may mend at, run and check_id, which are copies.
CREATE TRIGGER record_stays BEFORE UPDATE ON steadfast.record FOR EACH ROW
    WHEN ((OLD.seq, OLD.chain, OLD.json) IS DISTINCT FROM (NEW.seq, NEW.chain, NEW.json))
    EXECUTE FUNCTION steadfast.refuse_change();
CREATE TRIGGER record_is_kept BEFORE DELETE OR TRUNCATE ON steadfast.record FOR EACH STATEMENT
    EXECUTE FUNCTION steadfast.refuse_change();
