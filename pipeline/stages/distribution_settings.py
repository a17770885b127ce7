"""How training stages are spread over processes: the settings of every engine, told apart by `engine`.

A setting that changes the result is in the key of every artifact that is trained so.
"""

from typing import Annotated

import pydantic

from pipeline.stages.cluster_settings import ParameterServerSettings, PipelineParallelSettings
from pipeline.stages.horovod_elastic_settings import HorovodElasticSettings
from pipeline.stages.horovod_settings import HorovodSettings
from pipeline.stages.mesh_settings import ModelParallelSettings
from pipeline.stages.single_settings import SingleSettings

DistributionSettings = Annotated[
    SingleSettings
    | HorovodSettings
    | HorovodElasticSettings
    | ParameterServerSettings
    | ModelParallelSettings
    | PipelineParallelSettings,
    pydantic.Field(discriminator="engine"),
]
