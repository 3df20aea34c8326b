"""The tags through which people and Cuelight talk in MLflow's UI."""

# Written by Cuelight on a version.
STATE = "cuelight.state"
REASON = "cuelight.reason"
SINCE = "cuelight.since"
DRIFT = "cuelight.drift"
REPORT = "cuelight.report"

# Written by training on a version.
MANIFEST = "cuelight.trust.manifest"  # sorted last in MLflow's list of tags: it is long
SIGNATURE = "cuelight.trust.signature"
PIPELINE = "cuelight.pipeline"
GATE = "cuelight.gate"
GATE_REASON = "cuelight.gate_reason"
TRAINED_BECAUSE = "cuelight.trained_because"
TRAINED_UNTIL = "cuelight.trained_until"
REFERENCE = "cuelight.reference"
DATA_FINGERPRINT = "cuelight.data_fingerprint"
RETRAIN_REQUEST = "cuelight.retrain_request"
RETRAIN_ASKED = "cuelight.retrain_asked_at"
CHAMPION = "cuelight.champion"

# Written by people on a registered model.
SERVE = "cuelight.serve"
CANARY = "cuelight.canary"
ROLLOUT = "cuelight.rollout"
SHADOW = "cuelight.shadow"
CONTROL = "cuelight.control"
AUTO_ROLLBACK = "cuelight.auto_rollback"
WAVE = "cuelight.wave"
KEY = "cuelight.key"

# Written by people on a registered model, or on a version.
PII = "cuelight.pii"
