"""Every kind of stage that a configuration can name."""

from pipeline.engine.stage import Stage
from pipeline.stages.bring import Bring
from pipeline.stages.build import Build
from pipeline.stages.cluster import Cluster
from pipeline.stages.distill import Distill
from pipeline.stages.encode import Encode
from pipeline.stages.export import Export
from pipeline.stages.factorize import Factorize
from pipeline.stages.measure import Measure
from pipeline.stages.prepare import Prepare
from pipeline.stages.preview import Preview
from pipeline.stages.prune import Prune
from pipeline.stages.prune_channels import PruneChannels
from pipeline.stages.quantize import Quantize
from pipeline.stages.quantize_aware import QuantizeAware
from pipeline.stages.range_test import RangeTest
from pipeline.stages.report import Report
from pipeline.stages.sample import Sample
from pipeline.stages.sample_by_value import SampleByValue
from pipeline.stages.score import Score
from pipeline.stages.select import Select
from pipeline.stages.separate import Separate
from pipeline.stages.teach import Teach
from pipeline.stages.train import Train

KINDS: dict[str, type[Stage]] = {
    stage.kind: stage
    for stage in (
        Prepare,
        Sample,
        Score,
        SampleByValue,
        Select,
        Encode,
        Preview,
        RangeTest,
        Bring,
        Build,
        Train,
        Teach,
        Distill,
        Separate,
        Factorize,
        PruneChannels,
        Prune,
        Cluster,
        Quantize,
        QuantizeAware,
        Export,
        Measure,
        Report,
    )
}
