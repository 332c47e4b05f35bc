"""The catalog as one object, with a shelf for each concept."""

from footnote.core.catalog.alerts import Alerts
from footnote.core.catalog.attachments import Attachments
from footnote.core.catalog.batches import Batches
from footnote.core.catalog.collections import Collections
from footnote.core.catalog.database import Database
from footnote.core.catalog.deliveries import Deliveries
from footnote.core.catalog.erasures import Erasures
from footnote.core.catalog.evals import Evals
from footnote.core.catalog.evaluation_runs import EvaluationRuns
from footnote.core.catalog.evaluation_sets import EvaluationSets
from footnote.core.catalog.expiring import Expiring
from footnote.core.catalog.feedback import FeedbackBook
from footnote.core.catalog.files import Files
from footnote.core.catalog.installation import Installation
from footnote.core.catalog.jobs import Jobs
from footnote.core.catalog.judge_qualities import JudgeQualities
from footnote.core.catalog.leases import Leases
from footnote.core.catalog.live_documents import LiveDocuments
from footnote.core.catalog.live_turns import LiveTurns
from footnote.core.catalog.nights import Nights
from footnote.core.catalog.passages import Passages
from footnote.core.catalog.reindexes import Reindexes
from footnote.core.catalog.releases import Releases
from footnote.core.catalog.replacements import Replacements
from footnote.core.catalog.reports import Reports
from footnote.core.catalog.run_results import RunResults
from footnote.core.catalog.spaces import SpaceRegister
from footnote.core.catalog.turns import Turns
from footnote.core.catalog.uploads import Uploads
from footnote.core.catalog.versions import Versions
from footnote.core.catalog.workers import Workers
from footnote.core.errors import FootnoteError
from footnote.core.types import PartHealth


class Catalog:
    """Everything that footnote knows, on one database."""

    def __init__(self, url: str) -> None:
        self.database = Database(url)
        self.installation = Installation(self.database)
        self.files = Files(self.database)
        self.uploads = Uploads(self.database)
        self.collections = Collections(self.database)
        self.attachments = Attachments(self.database)
        self.batches = Batches(self.database)
        self.versions = Versions(self.database)
        self.replacements = Replacements(self.database)
        self.spaces = SpaceRegister(self.database)
        self.reindexes = Reindexes(self.database)
        self.jobs = Jobs(self.database)
        self.workers = Workers(self.database)
        self.leases = Leases(self.database)
        self.releases = Releases(self.database)
        self.turns = Turns(self.database)
        self.passages = Passages(self.database)
        self.live_documents = LiveDocuments(self.database)
        self.live_turns = LiveTurns(self.database)
        self.feedback = FeedbackBook(self.database)
        self.evaluation_sets = EvaluationSets(self.database)
        self.evals = Evals(self.database)
        self.evaluation_runs = EvaluationRuns(self.database)
        self.run_results = RunResults(self.database)
        self.reports = Reports(self.database)
        self.judge_qualities = JudgeQualities(self.database)
        self.nights = Nights(self.database)
        self.alerts = Alerts(self.database)
        self.deliveries = Deliveries(self.database)
        self.erasures = Erasures(self.database)
        self.expiring = Expiring(self.database)

    async def open(self, *, default_principals: tuple[str, ...] | None) -> None:
        """Migrate the schema and make sure that the collection ``default`` exists; who reads it is as ``ensure_default`` says.

        Raises:
            CatalogUnavailable, StorageUnavailable: the database cannot be used.
        """
        await self.database.migrate()
        await self.collections.ensure_default(principals=default_principals)

    async def health(self) -> PartHealth:
        """Say whether the database answers."""
        try:
            revision = await self.database.revision()
        except FootnoteError as error:
            return PartHealth(name="catalog", ready=False, detail=str(error))
        return PartHealth(name="catalog", ready=True, detail="The catalog answers.", facts={"revision": revision})

    async def close(self) -> None:
        await self.database.close()
