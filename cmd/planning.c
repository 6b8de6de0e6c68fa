#include "cli/prog.h"
#include "cli/report.h"
#include "cli/table.h"
#include "host/clock.h"
#include "model/check.h"
#include "planning.h"
#include "text/size.h"

struct planning {
    struct model model;
    struct store store;
    struct policy policy;
    struct ask ask;
    bool table;
    bool explain;
    bool yes; /* every answer so far */
};

/* "2 to 8, nvidia-ad104": its cores, and what else was asked for. The caller frees. */
static char *cores_and_extras(const json_t *spec)
{
    const double min = json_number_value(json_object_get(spec, "mincores"));
    const double max = json_number_value(json_object_get(spec, "maxcores"));
    struct buf b = {0};
    size_t i;
    json_t *extra;
    buf_print(&b, min < max ? "%g to %g" : "%g", min, max);
    json_array_foreach (json_object_get(spec, "extras"), i, extra)
        if (json_text(extra, "type"))
            buf_print(&b, ", %s", type_short(json_text(extra, "type")));
    return buf_take(&b);
}

static void print_table(const json_t *answer, struct buf *out)
{
    static const char *const heads[] = {"OFFER", "PLATFORM", "START",   "FOR UP TO",
                                        "CORES", "MEMORY",   "EXPIRES", NULL};
    own(table_fini) struct table t = {.heads = heads};
    size_t i;
    json_t *offer;
    if (json_array_size(json_object_get(answer, "offers")) == 0) {
        buf_str(out, "NO\n");
        return;
    }
    json_array_foreach (json_object_get(answer, "offers"), i, offer) {
        const json_t *when = json_array_get(json_object_get(offer, "datetime"), 0);
        const json_t *compute = json_object_get(json_object_get(offer, "resources"), "compute");
        const json_t *spec = json_object_get(json_array_get(compute, 0), "spec");
        own(str_fini) char *cores = cores_and_extras(spec);
        char memory[SIZE_TEXT];
        int64_t bytes = 0;
        const char *why;
        size_parse(json_object_get(spec, "minmemory"), true, &bytes, &why);
        table_cell(&t, "%s", json_text(offer, "name"));
        const char *planner = json_text(offer, "planner");
        table_cell(&t, planner ? "%s at %s" : "%s", json_text(offer, "platform"), planner);
        table_cell(&t, "%s", json_text(when, "start"));
        table_cell(&t, "%s", json_text(when, "maxduration"));
        table_cell(&t, "%s", cores);
        table_cell(&t, "%s", size_print(bytes, memory));
        table_cell(&t, "%s", json_text(offer, "expires"));
    }
    table_print(&t, prog_width(), out);
}

static void say_messages(const json_t *answer)
{
    size_t i;
    json_t *m;
    json_array_foreach (json_object_get(answer, "messages"), i, m) {
        const char *hint = json_text(m, "hint"), *rule = json_text(m, "rule");
        const char *pointer = json_text(m, "pointer");
        own(str_fini) char *who = report_who(m);
        const bool placed = pointer && *pointer;
        own(str_fini) char *line =
            str_print("%s: %s%s%s%s%s [%s]", who, placed ? pointer : "", placed ? ": " : "",
                      json_text(m, "text"), hint ? "; " : "", hint ? hint : "", rule ? rule : "");
        prog_say_json("notice", line, m);
    }
}

/* Would it be run? */
static int plan_image(struct planning *p, const char *image, struct buf *out, struct err *err)
{
    own(findings_fini) struct findings findings = {0};
    own(task_fini) struct task task = {0};
    own(answer_fini) struct answer answer = {0};
    own(str_fini) char *base = report_base(NULL);
    own(json_fini) json_t *doc = json_pack("{s:{s:s,s:{s:s}}}", "executable", "type",
                                           EXEC_TYPES "oci-container", "spec", "image", image);
    if (!doc || !*image)
        return err_set(err, CODE_USAGE, "--image: expected the name of an image");
    if (check_document(&p->model, KIND_TASK, doc, base, &findings, err) < 0)
        return -1;
    if (findings.errors)
        return err_set(err, CODE_USAGE, "--image: %s", findings.list[0].text);
    answer_init(&answer, &p->policy);
    answer.image_alone = true;
    if (task_init(&task, doc, err) < 0 || ask_task(&p->ask, &answer, &task, err) < 0)
        return -1;
    own(json_fini) json_t *verdict = answer_document(&answer);
    p->yes = answer.digest[0];
    if (!p->table) {
        prog_document(out, verdict);
        return 0;
    }
    buf_print(out, "%s %s\n", p->yes ? "YES" : "NO", answer.digest);
    say_messages(verdict);
    return 0;
}

static int plan_document(struct planning *p, const struct input *in, json_t *doc, const char *base,
                         struct buf *out, struct err *err)
{
    own(findings_fini) struct findings findings = {0};
    own(task_fini) struct task task = {0};
    own(answer_fini) struct answer answer = {0};
    if (check_document(&p->model, KIND_TASK, doc, base, &findings, err) < 0)
        return -1;
    report_findings(&findings, in, in->docs - 1);
    if (findings.errors) {
        p->yes = false;
        return 0;
    }
    answer_init(&answer, &p->policy);
    answer.explain = p->explain;
    if (task_init(&task, doc, err) < 0 || ask_task(&p->ask, &answer, &task, err) < 0 ||
        answer_count(&answer, &p->store, clock_ms(), err) < 0)
        return -1;
    own(json_fini) json_t *result = answer_document(&answer);
    p->yes &= json_array_size(answer.offers) > 0;
    if (p->table)
        print_table(result, out);
    else
        prog_document(out, result);
    if (p->table) /* in a pipe the answer says it, and execdm-accept */
        say_messages(result);
    return 0;
}

static int plan_input(struct planning *p, const char *path, struct buf *out, struct err *err)
{
    own(input_close) struct input in = {0};
    own(str_fini) char *base = report_base(path);
    if (input_open(&in, path, err) < 0)
        return -1;
    for (;;) {
        own(json_fini) json_t *doc = NULL;
        int rc = input_next(&in, &doc, err);
        if (rc <= 0)
            return rc;
        if (plan_document(p, &in, doc, base, out, err) < 0 || prog_flush(out, err) < 0)
            return -1;
    }
}

static void planning_close(struct planning *p)
{
    ask_close(&p->ask);
    policy_close(&p->policy);
    store_close(&p->store);
    model_close(&p->model);
}

int planning_run(char **operands, const struct asked *asked, const char *format, struct buf *out,
                 struct err *err)
{
    own(planning_close) struct planning p = {.explain = asked->explain, .yes = true};
    if (format && !str_same(format, "table") && !str_same(format, "json"))
        return err_set(err, CODE_USAGE, "--format is table or json, not \"%s\"", format);
    p.table = format ? str_same(format, "table") : prog_terminal();
    p.store.lock = -1;
    if (model_open(&p.model, NULL, err) < 0 || policy_open(&p.policy, &p.model, err) < 0 ||
        store_open(&p.store, err) < 0 || ask_open(&p.ask, &p.model, &p.store, asked, err) < 0)
        return -1;
    if (asked->image && *operands)
        return err_set(err, CODE_USAGE, "--image asks about an image, not about the task %s",
                       *operands);
    if (asked->image && plan_image(&p, asked->image, out, err) < 0)
        return -1;
    if (!asked->image && !*operands && plan_input(&p, NULL, out, err) < 0)
        return -1;
    for (; *operands; operands++)
        if (plan_input(&p, *operands, out, err) < 0)
            return -1;
    return p.yes ? CODE_OK : CODE_NO;
}
