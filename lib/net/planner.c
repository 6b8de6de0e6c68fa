#include "model/check.h"
#include "net/planner.h"
#include "text/uri.h"
#include "text/write.h"

#define OFFERS_MAX 1000 /* of one planner; nobody chooses among more */
#define MESSAGES_MAX 100

void planner_fini(struct planner *p)
{
    free(p->label);
    free(p->url);
    *p = (struct planner){0};
}

void planner_ask(const struct planner *p, const struct task *task, struct exchange *x)
{
    bool service = *p->url && p->url[strlen(p->url) - 1] == '/';
    own(str_fini) char *url = str_print("%s%s", p->url, service ? "planner" : "");
    own(str_fini) char *body = write_string(task->doc);
    *x = (struct exchange){.method = "POST",
                           .url = url,
                           .body = body,
                           .type = "application/json",
                           .deadline_ms = p->timeout_ms};
    exchange_start(x);
    x->url = x->body = NULL;
}

void planner_message(const struct planner *p, json_t *messages, const struct finding *f)
{
    json_t *message = finding_json(f);
    exchange_plain(message); /* what is wrong with an offer is said with words of it */
    json_object_set_new(message, "planner", json_string(p->label));
    json_array_append_new(messages, message);
}

static void say(const struct planner *p, json_t *messages, const char *rule, const char *hint,
                const char *text)
{
    own(findings_fini) struct findings one = {0};
    struct finding *f = finding_add(&one, FINDING_ERROR, rule, "", "%s", text);
    if (hint)
        finding_hint(f, "%s", hint);
    planner_message(p, messages, f);
}

static void say_down(const struct planner *p, json_t *messages, const struct err *err)
{
    if (err->code == CODE_UNAVAIL || err->code == CODE_TEMP)
        say(p, messages, "planner-down", "ask again later, or wait longer with --timeout",
            err->text);
    else if (err->code == CODE_PERM)
        say(p, messages, "planner-answer", "ask who runs this planner for access", err->text);
    else
        say(p, messages, "planner-answer", "is this the URL of a planner?", err->text);
}

/* The first error a schema finds, or NULL. The caller frees. */
static char *shape_of(struct model *m, json_t *offer)
{
    own(findings_fini) struct findings findings = {0};
    struct err err = {0};
    if (check_document(m, KIND_OFFER, offer, NULL, &findings, &err) < 0)
        return str_new(err.text);
    for (size_t i = 0; i < findings.n; i++)
        if (findings.list[i].severity == FINDING_ERROR)
            return str_print("%s: %s", findings.list[i].pointer, findings.list[i].text);
    return NULL;
}

static char *judge_links(const struct exchange *x, json_t *offer)
{
    own(str_fini) char *accept = exchange_url(x, json_text(offer, "accept"));
    own(str_fini) char *job = exchange_url(x, json_text(offer, "job"));
    if (!json_text(offer, "id"))
        return str_new("it has no id");
    if (!accept)
        return str_new("it has no http: or https: URL to accept it, or leads from https: to http:");
    if (json_text(offer, "job") && !job)
        return str_new("its job has a URL that is not http: or https:, or leads from https: to "
                       "http:");
    json_object_set_new(offer, "accept", json_string(accept));
    json_object_set_new(offer, "job", job ? json_string(job) : json_null());
    return NULL;
}

struct reading {
    const struct planner *planner;
    const struct exchange *exchange;
    struct model *model;
    const struct task *task;
    int64_t now, grace;
};

static void read_offer(const struct reading *r, json_t *offer, json_t *offers, json_t *messages)
{
    static const char *const shown[] = {"id", "name", "task", "platform", "expires"};
    if (!json_is_object(offer)) {
        say(r->planner, messages, "planner-answer", NULL, "an offer of it is no object; dropped");
        return;
    }
    for (size_t i = 0; i < COUNT(shown); i++)
        exchange_plain(json_object_get(offer, shown[i]));
    own(str_fini) char *why = shape_of(r->model, offer);
    bool lies = !why;
    if (!why)
        why = judge_links(r->exchange, offer);
    if (!why)
        why = judge_offer(r->model, r->task, offer, r->now, r->grace);
    if (why) {
        const char *id = json_text(offer, "id"), *name = json_text(offer, "name");
        own(str_fini) char *text = str_print("offer %s is dropped: %s",
                                             id     ? id
                                             : name ? name
                                                    : "without an id",
                                             why);
        say(r->planner, messages, lies ? "lying-offer" : "planner-answer",
            "tell who runs this planner", text);
        return;
    }
    if (r->task->name)
        json_object_set_new(offer, "task", json_string(r->task->name));
    if (!json_text(offer, "platform"))
        json_object_set_new(offer, "platform", json_string(r->planner->label));
    json_object_set_new(offer, "planner", json_string(r->planner->label));
    json_array_append(offers, offer);
}

/* What the planner itself says: findings, as far as they are some. */
static void read_messages(const struct reading *r, const json_t *list, json_t *messages)
{
    size_t i;
    json_t *m;
    json_array_foreach (list, i, m) {
        own(findings_fini) struct findings wrong = {0};
        struct err ignored;
        if (i == MESSAGES_MAX)
            break;
        if (check_document(r->model, KIND_FINDING, m, NULL, &wrong, &ignored) < 0 || wrong.errors)
            continue;
        exchange_plain(m);
        json_object_set_new(m, "planner", json_string(r->planner->label));
        json_array_append(messages, m);
    }
}

void planner_read(const struct planner *p, const struct exchange *x, struct model *m,
                  const struct task *task, int64_t now, int64_t grace, json_t *offers,
                  json_t *messages)
{
    struct err err = {0};
    const struct reading r = {p, x, m, task, now, grace};
    size_t i;
    json_t *offer;
    own(json_fini) json_t *answer = exchange_done(x, &err) == 0 ? exchange_document(x, &err) : NULL;
    if (!answer) {
        say_down(p, messages, &err);
        return;
    }
    const json_t *list = json_object_get(answer, "offers");
    if (!json_is_array(list)) {
        say(p, messages, "planner-answer", "is this the URL of a planner?",
            "its answer has no list of offers");
        return;
    }
    if (json_array_size(list) > OFFERS_MAX)
        say(p, messages, "planner-answer", NULL,
            "it has more than 1000 offers; the rest is dropped");
    json_array_foreach (list, i, offer)
        if (i < OFFERS_MAX)
            read_offer(&r, offer, offers, messages);
    read_messages(&r, json_object_get(answer, "messages"), messages);
}
