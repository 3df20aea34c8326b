"""Which files of tests go to the same process of xdist: those that share a host that takes long to make."""

from __future__ import annotations

from xdist.scheduler import LoadFileScheduling

_TOGETHER = {
    "single": ("test_overload", "test_worker_loop"),
    "typed": ("test_api_page", "test_mlflow_client", "test_openapi", "test_protocols"),
}
_GROUPS = {f"tests/integration/{file}.py": name for name, files in _TOGETHER.items() for file in files}


class Together(LoadFileScheduling):  # type: ignore[misc]
    """By file, as `--dist loadfile`, but files of a group are as one."""

    def _split_scope(self, nodeid: str) -> str:
        file = str(super()._split_scope(nodeid))
        return _GROUPS.get(file, file)
