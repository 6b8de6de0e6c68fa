/* YAML out, by libyaml: JSON's values in block style, quoted only where a reader needs it. */
#include <yaml.h>
#include "text/doc.h"
#include "text/write.h"

static int add_bytes(void *b, unsigned char *bytes, size_t n)
{
    buf_add(b, bytes, n);
    return 1;
}

static void emit(yaml_emitter_t *out, yaml_event_t *e)
{
    if (!yaml_emitter_emit(out, e))
        abort(); /* the events are in order, and the buffer grows */
}

/* May a text stand without quotes and still be read as that text, in YAML 1.1, too? */
static bool is_plain(const char *text)
{
    static const char *const words[] = {"null", "true", "false", "yes", "no",
                                        "on",   "off",  "y",     "n"};
    for (size_t i = 0; i < COUNT(words); i++)
        if (strcasecmp(words[i], text) == 0)
            return false;
    /* of several lines, and what is not ASCII: libyaml's other quotes lose blanks of them */
    for (const char *c = text; *c; c++)
        if (*c < 0x20 || *c > 0x7e)
            return false;
    return (*text | 0x20) >= 'a' && (*text | 0x20) <= 'z';
}

static void emit_scalar(yaml_emitter_t *out, const char *text, bool plain)
{
    yaml_event_t e;
    yaml_scalar_event_initialize(&e, NULL, NULL, (const unsigned char *)text, (int)strlen(text),
                                 plain, true,
                                 plain ? YAML_ANY_SCALAR_STYLE : YAML_DOUBLE_QUOTED_SCALAR_STYLE);
    emit(out, &e);
}

static void emit_value(yaml_emitter_t *out, const json_t *value)
{
    yaml_event_t e;
    const char *key;
    json_t *item;
    size_t i;
    if (json_is_object(value)) {
        yaml_mapping_start_event_initialize(&e, NULL, NULL, true, YAML_BLOCK_MAPPING_STYLE);
        emit(out, &e);
        json_object_foreach ((json_t *)value, key, item) {
            emit_scalar(out, key, is_plain(key));
            emit_value(out, item);
        }
        yaml_mapping_end_event_initialize(&e);
        emit(out, &e);
    } else if (json_is_array(value)) {
        yaml_sequence_start_event_initialize(&e, NULL, NULL, true, YAML_BLOCK_SEQUENCE_STYLE);
        emit(out, &e);
        json_array_foreach (value, i, item)
            emit_value(out, item);
        yaml_sequence_end_event_initialize(&e);
        emit(out, &e);
    } else if (json_is_string(value)) {
        emit_scalar(out, json_string_value(value), is_plain(json_string_value(value)));
    } else {
        own(buf_fini) struct buf b = {0};
        write_json(&b, value, 0);
        emit_scalar(out, b.bytes, true);
    }
}

void yaml_write(struct buf *b, const json_t *value)
{
    yaml_emitter_t out;
    yaml_event_t e;
    if (!yaml_emitter_initialize(&out))
        abort();
    yaml_emitter_set_output(&out, add_bytes, b);
    yaml_emitter_set_unicode(&out, 1);
    yaml_emitter_set_width(&out, -1);
    yaml_stream_start_event_initialize(&e, YAML_UTF8_ENCODING);
    emit(&out, &e);
    yaml_document_start_event_initialize(&e, NULL, NULL, NULL, true);
    emit(&out, &e);
    emit_value(&out, value);
    yaml_document_end_event_initialize(&e, true);
    emit(&out, &e);
    yaml_stream_end_event_initialize(&e);
    emit(&out, &e);
    yaml_emitter_delete(&out);
}
