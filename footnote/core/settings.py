"""Settings: environment (``FOOTNOTE_…``, ``__`` for nesting), then ``footnote.toml``, then the defaults below.

Each field's description is its documentation: ``docs/settings.md`` is generated from this file and compared by a test. An unknown
key is an error that names the nearest one.
"""

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from footnote.core.errors import InvalidSettings
from footnote.core.owners import LOCAL_OWNER, SYSTEM_OWNER
from footnote.core.types import EVERYONE

ENVIRONMENT_PREFIX = "FOOTNOTE_"
SETTINGS_FILE = "footnote.toml"
CALLERS_KEY, CALLERS_URL = "FOOTNOTE_KEY", "FOOTNOTE_URL"
"""The environment variables with the key that the command line sends, and where to. They are a caller's, and no settings."""

_OWN_ENVIRONMENT = ("FOOTNOTE_SETTINGS_FILE", "FOOTNOTE_TEST_", "FOOTNOTE_BENCH_")

PositiveInt = Annotated[int, Field(gt=0)]
PositiveFloat = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """A group of settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ApiKey(Section):
    """A key that callers present as ``Authorization: Bearer``."""

    key: SecretStr = Field(description="The secret itself, at least 16 characters.", min_length=16)
    owner: str = Field(description=f"Who owns what this key creates; `{SYSTEM_OWNER}` is footnote's own name.", min_length=1)
    principals: tuple[str, ...] = Field(default=(), description="What this key may read beside what everyone may: names of groups.")

    @field_validator("owner")
    @classmethod
    def _is_somebody_elses(cls, owner: str) -> str:
        if owner.strip() == SYSTEM_OWNER:
            raise ValueError(f"the owner `{SYSTEM_OWNER}` is footnote itself, whose collections are everybody's: choose another name")
        return owner


class ServerSettings(Section):
    """The HTTP server."""

    host: str = Field(default="127.0.0.1", description="Address to listen on. Anything but loopback needs at least one key.")
    port: int = Field(default=8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    base_url: str | None = Field(
        default=None, description="How people reach the server, for links to sources; by default the request's address."
    )
    keys: tuple[ApiKey, ...] = Field(
        default=(), description="Keys that are accepted. Without any, everybody on this machine is the owner `local`."
    )
    max_upload_bytes: PositiveInt = Field(default=512 * 1024 * 1024, description="The largest file that is accepted.")
    max_question_chars: PositiveInt = Field(default=20_000, description="The longest message that is accepted.")
    max_concurrent_answers: int | None = Field(
        default=None,
        gt=0,
        description="Answers written at the same time; more get status 429. By default 4 where the model runs in this process, else 16.",
    )


class CatalogSettings(Section):
    """The catalog: files, chunks, turns, releases, jobs."""

    url: str | None = Field(default=None, description="SQLAlchemy URL (`postgresql+asyncpg://…`); by default SQLite in the data directory.")


class BlobSettings(Section):
    """The bytes of files."""

    url: str | None = Field(
        default=None,
        pattern=r"^s3://[a-z0-9][a-z0-9.-]+(/|$)",
        description="Bucket and prefix in S3-compatible storage (`s3://bucket/prefix`), for all processes; by default a folder in the data "
        "directory.",
    )
    endpoint: str | None = Field(default=None, description="Address of the storage, where it is not AWS: `https://minio:9000`.")
    region: str | None = Field(default=None, description="The bucket's region, where the storage has such.")
    key: str | None = Field(
        default=None, description="Access key; by default what the environment gives to AWS's clients (variables, profile, role)."
    )
    secret: SecretStr | None = Field(default=None, description="Its secret.")
    timeout_s: PositiveFloat = Field(default=20.0, description="How long connecting, and waiting for bytes, may take.")


class IndexSettings(Section):
    """The index."""

    kind: Literal["edge", "qdrant"] = Field(
        default="edge", description="`edge`: Qdrant's engine in this process, in the data directory. `qdrant`: a Qdrant server."
    )
    url: str | None = Field(default=None, description="Address of the Qdrant server, such as `http://qdrant:6333`.")
    grpc: bool = Field(default=True, description="Speak gRPC, which is quicker; otherwise HTTP, for proxies that know nothing else.")
    grpc_port: int = Field(default=6334, description="Its gRPC port.")
    api_key: SecretStr | None = Field(default=None, description="Its key.")
    tls_ca_file: Path | None = Field(
        default=None, description="Certificates (PEM) that its own is checked by where `url` begins with `https`; by default the system's."
    )
    shards: int | None = Field(
        default=None, gt=0, description="Server only, when an index is made: shards; by default as many as the cluster has nodes."
    )
    replication: PositiveInt = Field(default=1, description="Server only, when an index is made: copies of each shard, on as many nodes.")
    write_consistency: PositiveInt = Field(
        default=1, description="Server only, when an index is made: copies that must have a write before it counts as done."
    )
    quantisation: Literal["none", "int8", "binary"] = Field(
        default="none",
        description="Server only, when an index is made: keep vectors in memory in a quarter (`int8`) or a 32nd (`binary`, for models of "
        "1,000 dimensions and more) of the room. Candidates are put into order by the whole vectors.",
    )
    oversampling: float = Field(
        default=2.0, ge=1, description="Server only, with quantisation: so many times the candidates wanted are looked at again."
    )
    vectors_on_disk: bool = Field(
        default=False, description="Server only, when an index is made: leave the whole vectors on the disk and map them into memory."
    )
    payload_on_disk: bool = Field(
        default=True, description="Server only, when an index is made: leave attributes and ids on the disk, with their indexes in memory."
    )
    timeout_s: PositiveFloat = Field(default=10.0, description="How long one call may take.")
    hnsw_ef: PositiveInt = Field(default=256, description="Breadth of the graph search: more finds more and takes longer.")
    optimize_after_points: PositiveInt = Field(
        default=5_000, description="Edge only: build the graph when so many points have been written since it was last built."
    )


class EmbedderSettings(Section):
    """The embedder."""

    kind: Literal["sentence-transformers", "openai"] = Field(
        default="sentence-transformers",
        description="`sentence-transformers`: in this process. `openai`: any server with `/v1/embeddings`.",
    )
    model: str | None = Field(
        default=None,
        description="Folder or hub name of the model, or its name at the server; by default the bundled all-MiniLM-L6-v2.",
    )
    device: str = Field(default="auto", description="`auto`, `cpu`, `cuda`, `cuda:1`, `mps`.")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        default="auto", description="`auto` takes bfloat16 where the hardware computes in it, else float32."
    )
    batch_tokens: int | None = Field(
        default=None,
        gt=0,
        description="Tokens of one batch, padding included; by default 1,024 on each core of a CPU, 32,768 on a GPU, 16,384 to a server.",
    )
    max_tokens: int | None = Field(default=None, gt=0, description="The model's window, where it should be smaller than the model says.")
    query_prefix: str = Field(default="", description="Put before a query, for models that were trained with one.")
    document_prefix: str = Field(default="", description="Put before a chunk, for models that were trained with one.")
    base_url: str | None = Field(default=None, description="`openai` only: the server's address, ending in `/v1`.")
    api_key: SecretStr | None = Field(default=None, description="`openai` only: its key.")
    tokenizer: str | None = Field(
        default=None, description="`openai` only: folder or hub name of the model's tokenizer, which counts tokens exactly."
    )
    timeout_s: PositiveFloat = Field(default=30.0, description="`openai` only: how long one call may take.")
    reindex_models: tuple[str, ...] = Field(
        default=(),
        description="Models that a re-indexing over the API may name beside `model`; without `server.keys` any. They run as `kind` says.",
    )


class ChunkingSettings(Section):
    """How documents are cut, where a collection does not say it itself."""

    max_tokens: int | None = Field(default=None, gt=0, description="Tokens of a chunk with its context; by default the embedder's window.")
    overlap_tokens: int = Field(default=0, ge=0, description="Tokens that neighbouring chunks share.")


class RetrievalSettings(Section):
    """Search, and what becomes a passage."""

    n_candidates: PositiveInt = Field(default=50, description="Points that the dense and the BM25 list give to the fusion, each.")
    n_hits: PositiveInt = Field(default=12, description="Hits that become passages at most.")
    budget_tokens: PositiveInt = Field(default=1_200, description="Tokens that all passages of a prompt may have together.")
    min_evidence: float = Field(
        default=0.61,
        ge=-1,
        le=2,
        description="Abstain where no hit has this much evidence: its cosine with the query, and half the share of the query's words "
        "that it has. Chosen for 5 % false abstentions with the default embedder, see docs/abstention.md.",
    )
    near_duplicate_overlap: Share = Field(default=0.8, description="A hit whose words overlap so much with a better one is dropped.")
    join_neighbours: bool = Field(default=True, description="Join hits that follow each other in a document into one passage.")


class GeneratorSettings(Section):
    """The model that writes drafts."""

    kind: Literal["local", "openai", "extractive"] = Field(
        default="local",
        description="`local`: SmolLM2-135M or another model in this process. `openai`: vLLM or any compatible server. "
        "`extractive`: quotes only, no model.",
    )
    model: str | None = Field(
        default=None, description="`local`: a model folder, by default the bundled SmolLM2. `openai`: the model's name at the server."
    )
    adapter: str | None = Field(default=None, description="A PEFT adapter: a folder for `local`, a name known to the server for `openai`.")
    base_url: str | None = Field(default=None, description="`openai` only: the server's address, ending in `/v1`.")
    api_key: SecretStr | None = Field(default=None, description="`openai` only: its key.")
    connect_timeout_s: PositiveFloat = Field(default=5.0, description="`openai` only: how long connecting may take.")
    first_token_timeout_s: PositiveFloat = Field(default=60.0, description="How long the first piece of text may take.")
    next_token_timeout_s: PositiveFloat = Field(default=30.0, description="How long each further piece may take.")
    n_retries: int = Field(default=2, ge=0, description="`openai` only: tries after the first one, before the first piece of text.")
    context_tokens: int | None = Field(default=None, gt=0, description="Tokens of prompt and answer, where less than the model's own.")
    passage_tokens: int | None = Field(
        default=None,
        gt=0,
        description="Tokens of passages that the model copes with, where less than `retrieval.budget_tokens`; "
        "by default 450 for the bundled model.",
    )
    max_tokens: PositiveInt = Field(default=300, description="Tokens of an answer at most.")
    temperature: float = Field(default=0.0, ge=0, le=2, description="0 always takes the likeliest token.")
    top_p: float = Field(default=1.0, gt=0, le=1, description="Draw from the likeliest tokens that together have this probability.")
    device: str = Field(default="auto", description="`local` only: `auto`, `cpu`, `cuda`.")
    prompt_price: float | None = Field(
        default=None, ge=0, description="Price of a million tokens of prompts; with `completion_price` reports say what answers cost."
    )
    completion_price: float | None = Field(
        default=None, ge=0, description="Price of a million tokens that the model writes, in the same currency."
    )


class AnsweringSettings(Section):
    """How an answer is made and checked."""

    policy: Literal["auto", "flag", "quote"] = Field(
        default="auto",
        description="`flag`: text goes out at once, verdicts follow. `quote`: a claim waits for its verdict, an unsupported one yields to "
        "the nearest quote. `auto`: `quote` for the bundled local model, else `flag`.",
    )
    rewrite: Literal["auto", "rule", "model"] = Field(
        default="auto",
        description="How a follow-up is made to stand alone: by `rule`, or by the `model` that answers. "
        "`auto`: by the model where a server runs it.",
    )
    judge: Literal["local", "none"] = Field(
        default="local", description="`local` checks each claim with the embedder; `none` checks nothing."
    )
    support_threshold: float | None = Field(
        default=None, ge=0, le=1, description="A claim is supported from this score on; by default the judge's own, see docs/judge.md."
    )


RedactedKind = Literal[
    "EMAIL_ADDRESS",
    "PHONE_NUMBER",
    "CREDIT_CARD",
    "IBAN_CODE",
    "IP_ADDRESS",
    "MAC_ADDRESS",
    "URL",
    "CRYPTO",
    "DATE_TIME",
    "US_SSN",
    "US_ITIN",
    "US_PASSPORT",
    "US_DRIVER_LICENSE",
    "US_BANK_NUMBER",
    "UK_NHS",
    "UK_NINO",
    "CA_SIN",
    "AU_TFN",
    "DE_TAX_ID",
    "ES_NIF",
    "ES_NIE",
    "FI_PERSONAL_IDENTITY_CODE",
    "IN_AADHAAR",
    "IN_PAN",
    "IT_FISCAL_CODE",
    "PL_PESEL",
]
"""Kinds of personal data that can be told by their pattern; the names are Presidio's."""


class IngestionSettings(Section):
    """Reading documents."""

    max_pages: PositiveInt = Field(default=5_000, description="Pages of a document at most.")
    max_text_chars: PositiveInt = Field(default=20_000_000, description="Code points of a document's text at most.")
    max_expanded_bytes: PositiveInt = Field(
        default=1024 * 1024 * 1024, description="What an archive-like file (DOCX, XLSX …) may unpack to at most."
    )
    max_archive_members: PositiveInt = Field(default=20_000, description="Parts of an archive-like file (DOCX, XLSX …) at most.")
    max_image_pixels: PositiveInt = Field(
        default=100_000_000, description="Pixels of an image at most; also of each page that is drawn for recognising its text."
    )
    parse_timeout_s: PositiveFloat = Field(default=1200.0, description="How long parsing one document may take.")
    parser_cpu_s: PositiveFloat = Field(default=600.0, description="CPU time that parsing one document may take, OCR included.")
    parser_memory_bytes: PositiveInt = Field(
        default=1536 * 1024 * 1024, description="Memory that parsing one document may take, OCR included."
    )
    parser_output_bytes: PositiveInt = Field(
        default=1024 * 1024 * 1024, description="What a parser may write: into one temporary file, and back to the server."
    )
    ocr: Literal["auto", "off"] = Field(
        default="auto", description="Text in images and scanned pages: `auto` recognises it where the command `tesseract` is found."
    )
    ocr_languages: tuple[str, ...] = Field(
        default=("eng",), min_length=1, description="Languages of scanned text, as tesseract names them: `eng`, `deu`, `chi_sim` …"
    )
    redact: tuple[RedactedKind, ...] = Field(
        default=(),
        description="Personal data that is replaced by a mark, such as `[EMAIL_ADDRESS]`, before anything is made of a document's text. "
        "Needs the extra `redaction`; the uploaded file stays as it is. See docs/redaction.md.",
    )
    n_parsers: PositiveInt = Field(default=1, description="Documents parsed at the same time.")
    in_server: Literal["auto", "yes", "no"] = Field(
        default="auto",
        description="Whether `footnote serve` reads documents too, or leaves that to `footnote worker`. `auto`: where catalog or index are "
        "embedded, which belong to one process.",
    )
    jobs_at_once: int | None = Field(
        default=None,
        gt=0,
        description="Documents on their way at the same time: read, embedded together, written. By default four for each core, 32 to 64.",
    )
    embed_batch_chunks: PositiveInt = Field(
        default=128, description="Chunks of one document that are embedded and written before its next ones: bounds its memory."
    )
    max_attempts: PositiveInt = Field(
        default=8, description="Tries for a document where the failure may pass; 8 outlast a store that is away for three minutes."
    )
    lease_s: PositiveFloat = Field(
        default=60.0, description="A job whose worker has not renewed its lease for so long is handed to another."
    )
    keep_reindexed_days: float = Field(
        default=7.0, ge=0, description="How long what a collection showed before a re-indexing is kept for flipping back."
    )


class JudgeSettings(Section):
    """Who judges answers in evaluations, beside the judge that checks claims while they are written. See docs/judge.md."""

    kind: Literal["local", "openai_compatible"] = Field(
        default="local",
        description="`local`: the judge that serves, which scores faithfulness alone. `openai_compatible`: also a language model at "
        "a server (vLLM or any compatible one), which scores all of RAGAS's metrics.",
    )
    base_url: str | None = Field(default=None, description="`openai_compatible` only: the server's address, ending in `/v1`.")
    model: str | None = Field(default=None, min_length=1, description="`openai_compatible` only: the model's name at the server.")
    api_key: SecretStr | None = Field(default=None, description="`openai_compatible` only: its key.")
    timeout_s: PositiveFloat = Field(default=60.0, description="How long one question to the judge may take.")
    n_retries: int = Field(
        default=3,
        ge=0,
        description="Tries after the first one, where the server is busy or failed, or the answer was not of the form asked.",
    )
    max_concurrent: PositiveInt = Field(default=4, description="Questions to the judge at the same time.")
    max_tokens: PositiveInt = Field(default=4_096, description="Tokens that the judge may write to one question.")
    seed: int = Field(default=0, description="What its random numbers begin with, at servers that take one.")


class LiveSampleSettings(Section):
    """How many turns that people asked are scored each night, of each owner at most. 0 leaves a part out. See docs/evaluation.md."""

    random: int = Field(default=50, ge=0, description="Drawn from all turns: this part alone says how live answers are on the whole.")
    correction: int = Field(default=20, ge=0, description="Turns for which somebody has written the right answer.")
    thumbs_down: int = Field(default=20, ge=0, description="Turns that somebody has rated down.")
    low_support: int = Field(default=20, ge=0, description="Turns whose draft rests least on its passages.")
    abstention: int = Field(default=20, ge=0, description="Turns that were declined.")


class ChannelSettings(Section):
    """Whose reports a channel gets. Alerts, which are about nobody in particular, go to each."""

    owners: tuple[str, ...] = Field(
        default=(LOCAL_OWNER,),
        description=f"Owners whose runs' reports go there. By default only those of `{LOCAL_OWNER}`: the user who runs the server, and "
        "everybody where no keys are set. `*` for all.",
    )
    sets: tuple[str, ...] | None = Field(default=None, description="Names of the sets whose reports go there; by default of all.")


class WebhookSettings(ChannelSettings):
    """Where reports and alerts are posted to, as JSON of numbers and ids. See docs/evaluation.md."""

    url: str | None = Field(default=None, description="Address, `http` or `https`. By default nothing is posted.")
    secret: SecretStr | None = Field(
        default=None, min_length=16, description="Signs what is posted (HMAC-SHA256), so that the receiver knows whom it is from."
    )
    timeout_s: PositiveFloat = Field(default=10.0, description="How long one try may take.")

    @field_validator("url")
    @classmethod
    def _is_http(cls, url: str | None) -> str | None:
        if url is not None and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname):
            raise ValueError("a webhook is reached by http or https: give an address such as `https://chat.example/hooks/footnote`")
        return url


class EmailSettings(ChannelSettings):
    """Who gets reports and alerts by e-mail. They hold numbers and ids, no text of documents or questions."""

    host: str | None = Field(default=None, description="The mail server (SMTP). By default nothing is mailed.")
    port: int | None = Field(default=None, gt=0, le=65535, description="Its port; by default 587 with `starttls`, 465 with `tls`, else 25.")
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls",
        description="How the connection is encrypted. `none` is for a server on the same machine: passwords go in the clear.",
    )
    user: str | None = Field(default=None, description="Name to log in with, where the server asks for one.")
    password: SecretStr | None = Field(default=None, description="Its password.")
    sender: str | None = Field(default=None, description="The address that mail comes from.")
    recipients: tuple[str, ...] = Field(default=(), description="The addresses that it goes to.")
    timeout_s: PositiveFloat = Field(default=20.0, description="How long one try may take.")


class EvaluationSettings(Section):
    """Scoring answers, each night or when asked to."""

    schedule: str = Field(
        default="30 2 * * *",
        description="When runs begin by themselves: minute, hour, day, month, weekday (cron). `off` for never.",
    )
    time_zone: str = Field(default="UTC", description="By which clock: `Europe/Berlin`. The same for all processes of an installation.")
    sets: tuple[str, ...] | None = Field(
        default=None,
        description="Sets that are run then: `name` for the newest version, or `name@number`. By default all that were written or "
        "generated, of every owner, but none of cases that runs of `/v1/evals` brought. What people asked "
        "since the last time is run beside them, see `live_sample`.",
    )
    live_sample: LiveSampleSettings = LiveSampleSettings()
    alert_support: Share = Field(
        default=0.5,
        description="An alert is raised when less than this share of the claims in live drafts of the last 24 hours rests on passages, and "
        "chance does not explain it. 0 raises none.",
    )
    alert_min_claims: PositiveInt = Field(default=30, description="Of fewer judged claims in 24 hours nothing is concluded.")
    send: Literal["all", "nightly"] = Field(
        default="all", description="Which reports are posted and mailed: of all runs, or only of those that the schedule began."
    )
    webhook: WebhookSettings = WebhookSettings()
    email: EmailSettings = EmailSettings()
    mlflow_uri: str | None = Field(
        default=None,
        description="Where runs and their parameters are recorded: an MLflow server or database. By default `mlflow.sqlite` in the data "
        "directory; `off` for nowhere.",
    )
    judge: JudgeSettings = JudgeSettings()


class TelemetrySettings(Section):
    """Logs, metrics and traces. Text of documents and questions is in none of them unless `log_text` says so."""

    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="The least severe lines that are written.")
    log_format: Literal["auto", "console", "json"] = Field(default="auto", description="`auto`: `console` on a terminal, else `json`.")
    log_text: bool = Field(default=False, description="Let texts of questions, answers and documents into logs and traces.")
    otlp_endpoint: str | None = Field(default=None, description="Where OpenTelemetry spans go (OTLP over HTTP); needs the extra `tracing`.")
    service_name: str = Field(default="footnote", description="The name under which spans arrive.")


class Settings(BaseSettings):
    """All settings."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        env_ignore_empty=True,
        nested_model_default_partial_update=True,
    )

    data_dir: Path = Field(default=Path("data"), description="Everything that footnote keeps on this machine. Only one server may own it.")
    default_principals: tuple[str, ...] = Field(default=(EVERYONE,), description="Who may read a collection that does not say it itself.")
    server: ServerSettings = ServerSettings()
    catalog: CatalogSettings = CatalogSettings()
    blobs: BlobSettings = BlobSettings()
    index: IndexSettings = IndexSettings()
    embedder: EmbedderSettings = EmbedderSettings()
    chunking: ChunkingSettings = ChunkingSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    generator: GeneratorSettings = GeneratorSettings()
    answering: AnsweringSettings = AnsweringSettings()
    ingestion: IngestionSettings = IngestionSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    telemetry: TelemetrySettings = TelemetrySettings()

    @model_validator(mode="after")
    def _consistent(self) -> "Settings":
        for name, section, needs in (
            ("index", self.index, self.index.kind == "qdrant" and not self.index.url),
            ("embedder", self.embedder, self.embedder.kind == "openai" and not (self.embedder.base_url and self.embedder.model)),
            ("generator", self.generator, self.generator.kind == "openai" and not (self.generator.base_url and self.generator.model)),
        ):
            if needs:
                missing = f"{name}.url" if name == "index" else f"{name}.base_url and {name}.model"
                raise ValueError(f"{name}.kind is `{section.kind}`, which needs {missing}")
        judge = self.evaluation.judge
        if judge.kind == "openai_compatible" and not (judge.base_url and judge.model):
            raise ValueError(
                "evaluation.judge.kind is `openai_compatible`, which needs evaluation.judge.base_url and evaluation.judge.model"
            )
        email = self.evaluation.email
        if email.host and not (email.sender and email.recipients):
            raise ValueError("evaluation.email.host is set, which needs evaluation.email.sender and evaluation.email.recipients")
        alone = belongs_to_one_process(self)
        if self.ingestion.in_server == "no" and alone:
            raise ValueError(f"ingestion.in_server is `no`, but nobody else could read documents: {alone[0]}")
        if not self.server.keys and not _is_loopback(self.server.host):
            raise ValueError(f"server.host is `{self.server.host}`, which other machines may reach: that needs at least one of server.keys")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, _FileSource(settings_cls)


class _FileSource(PydanticBaseSettingsSource):
    """Reads footnote.toml, from ``FOOTNOTE_SETTINGS_FILE`` or the working directory."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        named = os.environ.get("FOOTNOTE_SETTINGS_FILE")
        path = Path(named or SETTINGS_FILE)
        if not path.is_file():
            if named:
                raise InvalidSettings(f"There is no settings file {path}.", param="FOOTNOTE_SETTINGS_FILE")
            return {}
        try:
            return tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise InvalidSettings(f"{path} is not valid TOML: {error}.") from error


def load_settings(overrides: Mapping[str, object] | None = None, *, environment: Mapping[str, str] | None = None) -> Settings:
    """Return the settings of this process.

    Args:
        overrides: values from the command line, nested like the settings, before everything else.
        environment: what to check for unknown ``FOOTNOTE_…`` names; by default the process's own environment.

    Raises:
        InvalidSettings: a key is unknown (the nearest one is named) or a value does not fit.
    """
    _refuse_unknown_environment(os.environ if environment is None else environment)
    try:
        return Settings(**dict(overrides or {}))  # pyright: ignore[reportArgumentType]
    except ValidationError as error:
        # Without its cause: that quotes what was given, and so perhaps a key.
        raise InvalidSettings(_explain(error)) from None
    except SettingsError as error:
        raise InvalidSettings(f"{error}: a list or a table is written as JSON in the environment.") from None


BUNDLED_PASSAGE_TOKENS = 450
"""SmolLM2-135M answers from one to three passages; among more it loses the thread, and takes three times as long to read them."""


def passage_budget_tokens(settings: "Settings") -> int:
    """Return the tokens that all passages of a prompt may have together: the search's budget, or what the model copes with."""
    generator, budget = settings.generator, settings.retrieval.budget_tokens
    is_bundled = generator.kind == "local" and generator.model is None
    coped_with = generator.passage_tokens or (BUNDLED_PASSAGE_TOKENS if is_bundled else budget)
    return min(budget, coped_with)


def belongs_to_one_process(settings: Settings) -> list[str]:
    """Return what keeps a second process from ingesting beside the server, with what to set; nothing where all stores can be shared."""
    reasons: list[str] = []
    if (settings.catalog.url or "sqlite").startswith("sqlite"):
        reasons.append("the catalog is SQLite in the data directory (set catalog.url to `postgresql+asyncpg://…`)")
    if settings.index.kind == "edge":
        reasons.append("the index is Qdrant Edge in the data directory (set index.kind to `qdrant`, and index.url)")
    return reasons


def runs_queue_in_server(settings: Settings) -> bool:
    """Whether the server reads documents itself."""
    wanted = settings.ingestion.in_server
    return wanted == "yes" or (wanted == "auto" and bool(belongs_to_one_process(settings)))


def jobs_at_once(settings: IngestionSettings) -> int:
    """Return how many documents a worker holds at the same time: enough that the embedder never waits for the next one."""
    return settings.jobs_at_once or min(64, max(32, 4 * (os.cpu_count() or 1)))


def max_concurrent_answers(settings: "Settings") -> int:
    """Return how many answers may be written at the same time: a model in this process writes one after the other."""
    return settings.server.max_concurrent_answers or (4 if settings.generator.kind == "local" else 16)


def setting_names() -> Iterator[str]:
    """Yield every setting's dotted name, in the order of the classes."""
    yield from _names_in(Settings, prefix="")


def _names_in(model: type[BaseModel], *, prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, Section):
            yield from _names_in(section, prefix=f"{prefix}{name}.")
        else:
            yield prefix + name


def environment_name(setting: str) -> str:
    """Return the environment variable of a setting: ``server.port`` is ``FOOTNOTE_SERVER__PORT``."""
    return ENVIRONMENT_PREFIX + setting.replace(".", "__").upper()


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _refuse_unknown_environment(environment: Mapping[str, str]) -> None:
    known = {environment_name(name) for name in setting_names()} | {environment_name(name) for name in Settings.model_fields}
    known |= {CALLERS_KEY, CALLERS_URL}
    for name in sorted(environment):
        if not name.upper().startswith(ENVIRONMENT_PREFIX) or name.startswith(_OWN_ENVIRONMENT):
            continue
        if name.upper() not in known:
            raise InvalidSettings(f"There is no setting {name}.{_nearest(name.upper(), known)}", param=name)


def _explain(error: ValidationError) -> str:
    return " ".join(_explain_one(dict(detail)) for detail in error.errors(include_url=False, include_input=False))


def _explain_one(detail: dict[str, Any]) -> str:
    name = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        return f"There is no setting {name}.{_nearest(name, set(setting_names()) | set(Settings.model_fields))}"
    message = str(detail["msg"]).removeprefix("Value error, ")
    return f"{name}: {message}." if name else f"{message}."


def _nearest(name: str, known: set[str]) -> str:
    nearest = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.5)
    return f" Did you mean {nearest[0]}?" if nearest else " docs/settings.md lists them all."


def choices(annotation: object) -> tuple[str, ...]:
    """Return the words that a ``Literal`` setting may take, for its documentation."""
    return tuple(str(choice) for choice in get_args(annotation)) if getattr(annotation, "__origin__", None) is Literal else ()
