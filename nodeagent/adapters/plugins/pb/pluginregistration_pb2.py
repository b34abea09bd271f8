"""Messages of package pluginregistration. Made from protos/pluginregistration.proto by protos/generate.py; do not edit."""

from google.protobuf import descriptor_pool, message_factory

DESCRIPTOR = descriptor_pool.Default().AddSerializedFile(
    b'\n\x18pluginregistration.proto\x12\x12pluginregistration"\r\n\x0bInfoRequest"V\n'
    b'\nPluginInfo\x12\x0c\n\x04type\x18\x01 \x01(\t\x12\x0c\n\x04name\x18\x02 \x01(\t\x12\x10\n\x08endpoint\x18\x03 \x01(\t\x12\x1a\n\x12sup'
    b'ported_versions\x18\x04 \x03(\t">\n\x12RegistrationStatus\x12\x19\n\x11plugin_registered'
    b'\x18\x01 \x01(\x08\x12\r\n\x05error\x18\x02 \x01(\t"\x1c\n\x1aRegistrationStatusResponse2\xce\x01\n\x0cRegistra'
    b'tion\x12J\n\x07GetInfo\x12\x1f.pluginregistration.InfoRequest\x1a\x1e.pluginregistr'
    b'ation.PluginInfo\x12r\n\x18NotifyRegistrationStatus\x12&.pluginregistratio'
    b'n.RegistrationStatus\x1a..pluginregistration.RegistrationStatusResp'
    b'onseb\x06proto3'
)


def __getattr__(name):
    try:
        descriptor = DESCRIPTOR.message_types_by_name[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    made = globals()[name] = message_factory.GetMessageClass(descriptor)
    return made
