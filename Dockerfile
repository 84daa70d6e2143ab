# The sidecar. `--target e2e` is the scenario suite of tests/compose instead.
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS build
# Packages in deploy/wheels take precedence over the index; PIP_NO_INDEX=1 allows no others.
ARG PIP_NO_INDEX=
ENV PIP_NO_INDEX=${PIP_NO_INDEX} PIP_FIND_LINKS=/wheels PIP_CONSTRAINT=/src/constraints.txt \
    PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PATH=/opt/extproc/bin:$PATH
WORKDIR /src
COPY deploy/wheels /wheels
COPY pyproject.toml constraints.txt ./
# Dependencies first: they change less often than the code, and their layer is kept.
RUN python3 -m venv /opt/extproc \
 && python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"], sep="\n")' \
    > /requirements.txt \
 && pip install --requirement /requirements.txt
COPY README.md LICENSE ./
COPY extproc extproc
RUN pip install --no-deps .

FROM build AS build-e2e
RUN pip install pytest pytest-asyncio pytest-timeout httpx

FROM ${PYTHON_IMAGE} AS e2e
COPY --from=build-e2e /opt/extproc /opt/extproc
COPY pyproject.toml /src/
COPY tests/support /src/tests/support
COPY tests/compose /src/tests/compose
WORKDIR /src
ENV PATH=/opt/extproc/bin:$PATH PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
CMD ["python", "-m", "pytest", "-p", "no:cacheprovider", "-v", "--timeout=60", "tests/compose"]

FROM ${PYTHON_IMAGE} AS sidecar
COPY --from=build /opt/extproc /opt/extproc
# A volume that is mounted here gets this owner: sidecar and Envoy share it, as one user.
RUN install -d -m 0700 -o 65532 -g 65532 /run/extproc
ENV PATH=/opt/extproc/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 65532:65532
ENTRYPOINT ["extproc"]
CMD ["serve", "/etc/extproc/gateway.yaml"]
