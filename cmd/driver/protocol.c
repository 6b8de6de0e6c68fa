#include "protocol.h"
#include "host/clock.h"
#include "text/doc.h"
#include "text/write.h"

int call_read(struct call *call, const char *verb, struct err *err)
{
    own(input_close) struct input in = {0};
    *call = (struct call){.lines = json_array()};
    if (input_open(&in, NULL, err) < 0)
        return -1;
    if (input_next(&in, &call->header, err) <= 0)
        return err_set(err, CODE_PROTO, "expected a header line on standard input");
    if (json_int(call->header, "execdm_driver", 0) != 1)
        return err_set(err, CODE_PROTO, "expected a header with \"execdm_driver\": 1");
    if (!str_same(json_text(call->header, "verb"), verb))
        return err_set(err, CODE_PROTO, "the header speaks of another verb than %s", verb);
    call->begun = clock_boot();
    call->config = json_object_get(call->header, "config");
    call->deadline_s = json_int(call->header, "deadline_s", 30);
    for (;;) {
        json_t *line = NULL;
        int rc = input_next(&in, &line, err);
        if (rc <= 0)
            return rc;
        json_array_append_new(call->lines, line);
    }
}

void call_fini(struct call *call)
{
    json_decref(call->header);
    json_decref(call->lines);
    *call = (struct call){0};
}

json_t *reply_error(const json_t *line, const char *kind, const struct err *err)
{
    const char *id = json_text(line, "id");
    return json_pack("{s:s*,s:{s:s,s:i,s:s}}", "id", id, "error", "kind", kind, "code",
                     (int)err->code, "text", err->text);
}

void reply_add(struct buf *out, json_t *reply)
{
    write_json(out, reply, 0);
    buf_char(out, '\n');
    json_decref(reply);
}
