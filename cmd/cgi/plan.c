/* The planner: a task in, offers out; an offer is taken (Planner 2 and 4.2; EP-90). */
#include "handlers.h"
#include "host/clock.h"
#include "plan/accept.h"
#include "plan/ask.h"
#include "upload.h"

static json_t *findings_list(const struct findings *findings)
{
    json_t *list = json_array();
    for (size_t i = 0; i < findings->n; i++)
        json_array_append_new(list, finding_json(&findings->list[i]));
    return list;
}

int plan_check(struct service *s, struct reply *p, json_t *doc, struct task *task, struct err *err)
{
    own(findings_fini) struct findings findings = {0};
    struct model *model = service_model(s, err);
    if (!model)
        return -1;
    if (check_document(model, KIND_TASK, doc, NULL, &findings, err) < 0)
        return -1;
    if (findings.errors) {
        own(json_fini) json_t *list = findings_list(&findings);
        return reply_findings(p, 400, "the task is not valid", list);
    }
    return task_init(task, doc, err) < 0 ? -1 : 1;
}

int plan_read(struct service *s, struct request *r, struct reply *p, struct task *task,
              struct err *err)
{
    own(json_fini) json_t *doc = NULL;
    if (body_document(r, p, &doc) == 0 || upload_take(s, r, p) == 0)
        return 0;
    return plan_check(s, p, doc, task, err);
}

/* What is wrong with platforms is for the log: the answer says only that something is. */
static void log_troubles(struct ask *ask)
{
    struct platform_seen seen;
    for (size_t at = 0; ask_look(ask, &at, &seen);) {
        struct err why = {0};
        if (!seen.trouble)
            continue;
        err_set(&why, CODE_UNAVAIL, "platform %s: %s", seen.name, seen.trouble);
        route_log(&why);
    }
}

int plan_ask(struct service *s, const struct task *task, json_t **answer, struct err *err)
{
    const struct asked asked = {0}; /* planners elsewhere would not know who asks */
    own(policy_close) struct policy policy = {0};
    own(ask_close) struct ask ask = {0};
    own(answer_fini) struct answer a = {0};
    struct model *model = service_model(s, err);
    struct store *store = model ? service_store(s, err) : NULL;
    if (!store || ask_open(&ask, model, store, &asked, err) < 0)
        return -1;
    policy_of(&policy, s->site, &s->who);
    answer_init(&a, &policy);
    if (upload_keep_all(s, &policy, a.id, err) < 0 || ask_task(&ask, &a, task, err) < 0 ||
        answer_count(&a, store, clock_ms(), err) < 0)
        return -1;
    upload_expire(store, policy.uploads, a.offers);
    log_troubles(&ask);
    *answer = answer_document(&a);
    return 0;
}

/* An offer as the service shows it: with the URL of the job it would be (EP-92). A new reference.
 */
static json_t *shown(const struct service *s, const json_t *offer)
{
    json_t *doc = json_copy((json_t *)offer);
    const char *id = json_text(offer, "id");
    own(str_fini) char *job = service_url(s, "jobs/%s", id);
    own(str_fini) char *accept = service_url(s, "offers/%s/accept", id);
    json_object_set_new(doc, "job", json_string(job));
    json_object_set_new(doc, "accept", json_string(accept));
    return doc;
}

static json_t *shown_answer(const struct service *s, const json_t *answer)
{
    json_t *doc = json_copy((json_t *)answer), *list = json_array(), *offer;
    size_t i;
    json_array_foreach (json_object_get(answer, "offers"), i, offer)
        json_array_append_new(list, shown(s, offer));
    json_object_set_new(doc, "offers", list);
    return doc;
}

int plan_answer(struct service *s, const struct task *task, json_t **answer, struct err *err)
{
    own(json_fini) json_t *found = NULL;
    if (plan_ask(s, task, &found, err) < 0)
        return -1;
    *answer = shown_answer(s, found);
    return 0;
}

int serve_planner(struct service *s, struct request *r, struct reply *p, struct err *err)
{
    own(task_fini) struct task task = {0};
    own(json_fini) json_t *doc = NULL;
    if (r->format == FORMAT_HTML)
        return plan_form(s, r, p, err);
    int rc = plan_read(s, r, p, &task, err);
    if (rc <= 0)
        return rc;
    if (plan_answer(s, &task, &doc, err) < 0)
        return -1;
    p->fresh = true;
    reply_document(p, r, doc);
    return 0;
}

/* An offer made to who asks; others have none of that id. */
static int find_offer(struct service *s, const char *id, struct offer_row *row, struct err *err)
{
    struct store *store = service_store(s, err);
    if (!store)
        return -1;
    if (!uuid_valid(id))
        return err_set(err, CODE_NOINPUT, "there is no offer %.40s", id);
    if (store_offer_get(store, id, row, err) < 0)
        return -1;
    const json_t *private = json_object_get(row->doc, "private");
    const json_t *kept = json_object_get(private, "policy");
    const char *whose = json_text(kept, "identity"); /* NULL: it is of a planner elsewhere */
    if (whose && service_sees(s, whose, private))
        return 0;
    return err_set(err, CODE_NOINPUT, "there is no offer %s", id);
}

int serve_offer(struct service *s, struct request *r, struct reply *p, struct err *err)
{
    own(offer_row_fini) struct offer_row row = {0};
    if (find_offer(s, r->segments[0], &row, err) < 0)
        return -1;
    if (row.expires < clock_ms())
        return reply_refuse(p, 410, "offer %s has expired; ask the planner again", row.id);
    own(json_fini) json_t *doc = shown(s, json_object_get(row.doc, "offer"));
    reply_document(p, r, doc);
    return 0;
}

int serve_accept(struct service *s, struct request *r, struct reply *p, struct err *err)
{
    own(offer_row_fini) struct offer_row row = {0};
    own(job_fini) struct job job = {0};
    if (find_offer(s, r->segments[0], &row, err) < 0)
        return -1;
    if (accept_offer(&s->store, row.id, &s->who, clock_ms(), &job, err) < 0) {
        if (err->code == CODE_CONFLICT && row.expires < clock_ms())
            return reply_refuse(p, 410, "%s", err->text);
        return -1;
    }
    own(str_fini) char *url = service_url(s, "jobs/%s", job.id);
    reply_see(p, url);
    return 0;
}
