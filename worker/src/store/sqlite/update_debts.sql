UPDATE credits_debt
SET repaid = repaid + (n.value ->> 1), forgiven = forgiven + (n.value ->> 2),
  cancelled = cancelled + (n.value ->> 3), updated_at = $2
FROM jsonb_each($1) AS n
WHERE credits_debt.id = unhex(n.value ->> 0)
