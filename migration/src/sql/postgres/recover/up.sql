-- The audit log may record `scrip recover`.
ALTER TABLE operator_action DROP CONSTRAINT operator_action_action_known;
ALTER TABLE operator_action ADD CONSTRAINT operator_action_action_known
  CHECK (action IN ('dead_drop', 'dead_replay', 'freeze', 'job_run', 'publish', 'recover',
                    'replay', 'topology_claim', 'unfreeze'));
