#include "host/driver.h"
#include "host/spawn.h"
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

int driver_call(const char *driver, const char *verb, const json_t *config, json_t *lines,
                int deadline_s, json_t **replies, struct err *err)
{
    own(str_fini) char *path = spawn_find_driver(driver);
    if (!path)
        return err_set(err, CODE_UNAVAIL,
                       "there is no driver execdm-driver-%s in " PKGLIBEXECDIR
                       " or $EXECDM_DRIVER_PATH",
                       driver);
    own(str_fini) char *input = request(verb, config, lines, deadline_s);
    char *argv[] = {path, (char *)verb, NULL};
    own(spawn_fini) struct spawn s = {
        .argv = argv, .input = input, .deadline_ms = (int64_t)deadline_s * 1000};
    int rc = spawn_run(&s, err);
    if (rc < 0) {
        if (err->code != CODE_UNAVAIL)
            err->code = CODE_PROTO;
        return -1;
    }
    switch (rc) {
    case CODE_OK:
        return read_replies(&s.out, lines, driver, replies, err);
    case CODE_USAGE:
    case CODE_UNAVAIL:
    case CODE_TEMP:
    case CODE_CONFIG:
        return err_set(err, (enum code)rc, "driver %s: %s: %s", driver, verb, spawn_last_error(&s));
    default:
        return err_set(err, CODE_PROTO, "driver %s: %s ended with %d: %s", driver, verb, rc,
                       spawn_last_error(&s));
    }
}
