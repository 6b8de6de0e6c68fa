/* execdm-trigger: call a trigger of a job, as a POST to its endpoint does. */
#include "cli/prog.h"
#include "host/clock.h"
#include "job/query.h"
#include "job/trigger.h"
#include "model/signal.h"
#include "text/doc.h"

/* name=value; what is read from standard input is name: value lines, or JSON. */
static int read_values(char **operands, json_t **values, struct err *err)
{
    own(json_fini) json_t *found = json_object();
    if (!*operands) {
        own(json_fini) json_t *doc = NULL;
        if (doc_file(NULL, &doc, err) < 0)
            return -1;
        if (!json_is_object(doc))
            return err_set(err, CODE_DATA, "expected name: value lines (Planner 2.5.1)");
        *values = move(doc);
        return 0;
    }
    for (; *operands; operands++) {
        const char *equal = strchr(*operands, '=');
        own(str_fini) char *name =
            equal ? str_print("%.*s", (int)(equal - *operands), *operands) : NULL;
        if (!name || !*name || json_object_set_new(found, name, json_string(equal + 1)) < 0)
            return err_set(err, CODE_USAGE, "expected name=value, found \"%s\"", *operands);
    }
    *values = move(found);
    return 0;
}

static int run(char **operands, struct buf *out, struct err *err)
{
    own(store_close) struct store store = {.lock = -1};
    own(firing_fini) struct firing f = {0};
    own(json_fini) json_t *values = NULL;
    char id[UUID_TEXT], secret[SECRET_TEXT];
    const bool token = operands[0] && signal_token_parse(operands[0], id, secret);
    if (!operands[0] || (!token && !operands[1]))
        return err_set(err, CODE_USAGE,
                       "expected a job and its trigger, or a trigger's endpoint; then name=value");
    if (read_values(operands + (token ? 1 : 2), &values, err) < 0 || store_open(&store, err) < 0)
        return -1;
    const int64_t now = clock_ms();
    if ((token ? trigger_call(&store, operands[0], values, now, &f, err)
               : trigger_call_named(&store, operands[0], operands[1], values, now, &f, err)) < 0)
        return -1;
    prog_say("notice", f.job, "%s: %s", f.trigger, f.said);
    own(json_fini) json_t *doc = query_job(&store, f.job, clock_ms(), err);
    if (!doc)
        return -1;
    prog_document(out, doc);
    return CODE_OK;
}

static const struct prog prog = {
    .name = "execdm-trigger",
    .synopsis = "JOB TRIGGER|ENDPOINT [name=value...]",
    .about = "Call a trigger of a job.",
    .run = run,
};

int main(int argc, char **argv)
{
    return prog_main(argc, argv, &prog);
}
