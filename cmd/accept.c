/* execdm-accept: take an offer; its slot is booked and the job is made. */
#include "cli/prog.h"
#include "cli/report.h"
#include "host/clock.h"
#include "job/query.h"
#include "plan/accept.h"
#include "text/doc.h"

static const char *which, *prefer;

static const struct opt options[] = {
    {.name = "offer", .arg = "ID|NAME|N", .text = &which, .help = "which offer of the answer"},
    {.name = "prefer",
     .arg = "earliest|largest",
     .text = &prefer,
     .help = "which offer, when none is named; earliest when not given"},
    {0},
};

static void say_reasons(const json_t *answer)
{
    size_t i;
    json_t *m;
    json_array_foreach (json_object_get(answer, "messages"), i, m) {
        own(str_fini) char *who = report_who(m);
        prog_say("error", who, "%s", json_text(m, "text"));
    }
}

/* An offer is accepted by its id. Who changed their copy may think they changed the offer. */
static void say_differences(struct store *store, const json_t *offer)
{
    struct err ignored;
    own(str_fini) char *keys = accept_differences(store, offer, &ignored);
    if (keys)
        prog_say("warning", NULL,
                 "offer %s: this copy of it was changed (%s); what was offered counts",
                 json_text(offer, "id"), keys);
}

/* One answer: its job appended to out. CODE_NO for a NO, which has no job. */
static int accept_answer(struct store *store, json_t *answer, struct buf *out, struct err *err)
{
    own(job_fini) struct job job = {0};
    own(identity_fini) struct identity who = {0};
    if (!json_is_array(json_object_get(answer, "offers")))
        return err_set(err, CODE_DATA, "expected an answer with offers, as execdm-plan writes it");
    json_t *offer = accept_choose(answer, which, prefer, err);
    if (!offer && err->code == CODE_NO) {
        if (json_array_size(json_object_get(answer, "messages")) == 0)
            prog_say("error", NULL, "%s", err->text);
        say_reasons(answer);
        return CODE_NO;
    }
    if (!offer || !json_text(offer, "id"))
        return offer ? err_set(err, CODE_DATA, "the offer has no id") : -1;
    identity_local(&who);
    if (accept_offer(store, json_text(offer, "id"), &who, clock_ms(), &job, err) < 0)
        return -1;
    say_differences(store, offer);
    own(json_fini) json_t *doc = query_job(store, job.id, clock_ms(), err);
    if (!doc)
        return -1;
    prog_document(out, doc);
    return CODE_OK;
}

static int accept_input(struct store *store, const char *path, struct buf *out, struct err *err)
{
    own(input_close) struct input in = {0};
    int code = CODE_OK;
    if (input_open(&in, path, err) < 0)
        return -1;
    for (;;) {
        own(json_fini) json_t *answer = NULL;
        int rc = input_next(&in, &answer, err);
        if (rc < 0)
            return -1;
        if (rc == 0)
            return code;
        rc = accept_answer(store, answer, out, err);
        if (rc < 0) { /* what was accepted before is a job, and is said */
            struct err ignored;
            prog_flush(out, &ignored);
            return -1;
        }
        code = rc == CODE_NO ? CODE_NO : code;
    }
}

static int run(char **operands, struct buf *out, struct err *err)
{
    own(store_close) struct store store = {.lock = -1};
    if (prefer && !str_same(prefer, "earliest") && !str_same(prefer, "largest"))
        return err_set(err, CODE_USAGE, "--prefer is earliest or largest, not \"%s\"", prefer);
    if (operands[0] && operands[1])
        return err_set(err, CODE_USAGE, "expected one answer, found \"%s\" after it", operands[1]);
    if (store_open(&store, err) < 0)
        return -1;
    return accept_input(&store, operands[0], out, err);
}

static const struct prog prog = {
    .name = "execdm-accept",
    .synopsis = "[ANSWER]",
    .about = "Accept an offer: book its slot and make the job.",
    .options = options,
    .run = run,
};

int main(int argc, char **argv)
{
    return prog_main(argc, argv, &prog);
}
