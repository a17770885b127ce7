"""The logical CPU devices of this process."""

from pipeline.keras import LOGICAL_CPUS, tf


def claim_devices(count: int) -> None:
    """Sees to it that TensorFlow has so many logical CPU devices, or more.

    Raises:
        ValueError: If it has started with fewer.
    """
    (cpu,) = tf.config.list_physical_devices("CPU")
    if len(tf.config.get_logical_device_configuration(cpu) or [cpu]) >= count:
        return
    try:
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)
    except RuntimeError as error:
        raise ValueError(
            f"a mesh of {count} devices needs as many logical ones, and TensorFlow has started with fewer in this "
            f"process; accepted: a process of its own, or one started with {LOGICAL_CPUS}={count}"
        ) from error
