#include "host/driver.h"
#include "text/write.h"

static char *request(const char *verb, const json_t *config, json_t *lines, int deadline_s)
{
    struct buf b = {0};
    size_t i;
    json_t *line;
    own(json_fini) json_t *header =
        json_pack("{s:i,s:s,s:i}", "execdm_driver", 1, "verb", verb, "deadline_s", deadline_s);
    if (config)
        json_object_set(header, "config", (json_t *)config);
    write_json(&b, header, 0);
    buf_char(&b, '\n');
    json_array_foreach (lines, i, line) {
        write_json(&b, line, 0);
        buf_char(&b, '\n');
    }
    return buf_take(&b);
}

/* One reply per line, same order, same id; anything else leaves the outcome unknown. */
static int read_replies(const struct buf *out, json_t *lines, const char *driver, json_t **replies,
                        struct err *err)
{
    own(json_fini) json_t *list = json_array();
    const char *at = out->bytes ? out->bytes : "";
    while (*at) {
        size_t n = strcspn(at, "\n");
        json_error_t e;
        json_t *reply = json_loadb(at, n, JSON_REJECT_DUPLICATES, &e);
        if (!reply)
            return err_set(err, CODE_PROTO, "driver %s: a reply is not JSON: %s", driver, e.text);
        json_array_append_new(list, reply);
        at += n + (at[n] == '\n');
    }
    if (json_array_size(list) != json_array_size(lines))
        return err_set(err, CODE_PROTO, "driver %s: %zu replies to %zu lines", driver,
                       json_array_size(list), json_array_size(lines));
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!str_same(json_text(json_array_get(list, i), "id"),
                      json_text(json_array_get(lines, i), "id")))
            return err_set(err, CODE_PROTO, "driver %s: reply %zu has another id", driver, i + 1);
    *replies = move(list);
    return 0;
}

void driver_begin(struct driver_call *call, const char *driver, const char *verb,
                  const json_t *config, json_t *lines, int deadline_s)
{
    *call = (struct driver_call){.driver = str_new(driver),
                                 .verb = str_new(verb),
                                 .path = spawn_find_driver(driver),
                                 .input = request(verb, config, lines, deadline_s),
                                 .lines = json_incref(lines)};
    call->argv[0] = call->path;
    call->argv[1] = call->verb;
    call->run = (struct spawn){
        .argv = call->argv, .input = call->input, .deadline_ms = (int64_t)deadline_s * 1000};
    if (!call->path)
        call->failed = err_set(&call->err, CODE_UNAVAIL,
                               "there is no driver execdm-driver-%s in " PKGLIBEXECDIR
                               " or $EXECDM_DRIVER_PATH",
                               driver) < 0;
    else
        call->failed = spawn_start(&call->run, &call->err) < 0;
}

int driver_end(struct driver_call *call, json_t **replies, struct err *err)
{
    if (call->failed) {
        *err = call->err;
        return -1;
    }
    int rc = spawn_result(&call->run, err);
    if (rc < 0) {
        err->code = CODE_PROTO;
        return -1;
    }
    switch (rc) {
    case CODE_OK:
        return read_replies(&call->run.out, call->lines, call->driver, replies, err);
    case CODE_USAGE:
    case CODE_UNAVAIL:
    case CODE_TEMP:
    case CODE_CONFIG:
        return err_set(err, (enum code)rc, "driver %s: %s: %s", call->driver, call->verb,
                       spawn_last_error(&call->run));
    default:
        return err_set(err, CODE_PROTO, "driver %s: %s ended with %d: %s", call->driver, call->verb,
                       rc, spawn_last_error(&call->run));
    }
}

void driver_call_fini(struct driver_call *call)
{
    spawn_fini(&call->run);
    free(call->driver);
    free(call->verb);
    free(call->path);
    free(call->input);
    json_decref(call->lines);
    *call = (struct driver_call){0};
}

int driver_call(const char *driver, const char *verb, const json_t *config, json_t *lines,
                int deadline_s, json_t **replies, struct err *err)
{
    own(driver_call_fini) struct driver_call call = {0};
    struct spawn *const run = &call.run;
    driver_begin(&call, driver, verb, config, lines, deadline_s);
    spawn_serve(&run, 1);
    return driver_end(&call, replies, err);
}
