# The worker's image: what requirements-worker.lock names, hash by hash, and the wheel with packs and example.
FROM python:3.11-slim AS build
WORKDIR /build
COPY requirements-worker.lock ./
RUN python -m venv /opt/fhir-msc \
    && /opt/fhir-msc/bin/pip install --no-cache-dir --require-hashes -r requirements-worker.lock
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
COPY mappings ./mappings
COPY examples ./examples
COPY docs/rules.md ./docs/rules.md
RUN /opt/fhir-msc/bin/pip wheel --no-cache-dir --no-deps --wheel-dir /wheels . \
    && /opt/fhir-msc/bin/pip install --no-cache-dir --no-deps /wheels/*.whl

FROM python:3.11-slim
COPY --from=build /opt/fhir-msc /opt/fhir-msc
ENV PATH=/opt/fhir-msc/bin:$PATH PYTHONUNBUFFERED=1
USER 65532:65532
WORKDIR /project
ENTRYPOINT ["fhir-msc"]
CMD ["worker", "--project", "/project"]
