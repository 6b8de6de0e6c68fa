/* Jobs made over UWS 1.1 (2.2.3.1): by a document or a form, planned when they are told to run. */
#include "handlers.h"
#include "host/clock.h"
#include "job/amend.h"
#include "plan/accept.h"
#include "plan/draft.h"
#include "plan/upload.h"
#include "store/key.h"
#include "store/usage.h"
#include "text/doc.h"
#include "text/write.h"
#include "upload.h"

#define KEY_MAX 255
#define DRAFTS_MAX 1000 /* of an owner, that were never planned */

/* What a job is made of. */
struct making {
    struct task task;
    bool tasked;        /* there is one */
    json_t *answer;     /* of the planner to it */
    json_t *parameters; /* [{"name", "value"}] */
    const char *runid;  /* borrowed from the request */
    bool run;           /* at once */
};

static void making_fini(struct making *m)
{
    if (m->tasked)
        task_fini(&m->task);
    json_decref(m->answer);
    json_decref(m->parameters);
}

/* --- what was sent --- */

static bool is_task(const char *name)
{
    return strcasecmp(name, "JDL") == 0 || strcasecmp(name, "TASK") == 0;
}

static json_t *parameter(const char *name, const char *value)
{
    return json_pack("{s:s,s:s}", "name", name, "value", value);
}

static int read_task(struct service *s, struct reply *p, const char *name, const char *text,
                     size_t len, struct making *m, struct err *err)
{
    own(json_fini) json_t *doc = NULL;
    struct err wrong = {0};
    if (m->tasked)
        return reply_refuse(p, 400, "there are two tasks: JDL and TASK are the same");
    if (doc_bytes(name, text, len, &doc, &wrong) < 0)
        return reply_refuse(p, 400, "%s%s%s", wrong.where, wrong.where[0] ? ": " : "", wrong.text);
    const int rc = plan_check(s, p, doc, &m->task, err);
    m->tasked = rc > 0;
    return rc;
}

/* PHASE is no parameter of a job; RUNID has its own place. */
static int read_form(struct service *s, const struct request *r, struct reply *p, struct making *m,
                     struct err *err)
{
    for (size_t i = 0; i < r->form.n; i++) {
        const struct param *row = &r->form.list[i];
        if (strcasecmp(row->name, "PHASE") == 0 || strcasecmp(row->name, "RUNID") == 0)
            continue;
        json_t *kept = parameter(row->name, row->value);
        if (!kept)
            return reply_refuse(p, 400, "%.40s: expected UTF-8", row->name);
        json_array_append_new(m->parameters, kept);
        const int rc = is_task(row->name)
                           ? read_task(s, p, row->name, row->value, strlen(row->value), m, err)
                           : 1;
        if (rc <= 0)
            return rc;
    }
    return 1;
}

/* The same of a form with files: the task may be one of them. */
static int read_parts(struct service *s, const struct request *r, struct reply *p, struct making *m,
                      struct err *err)
{
    const struct part *part = upload_document(r);
    int rc = upload_take(s, r, p);
    if (rc > 0)
        rc = read_form(s, r, p, m, err);
    if (rc <= 0 || !part || !part->filename)
        return rc;
    json_array_append_new(m->parameters, parameter(part->name, ""));
    return read_task(s, p, part->name, part->bytes, part->len, m, err);
}

static int read_words(const struct request *r, struct reply *p, struct making *m)
{
    const char *phase = request_param(r, "PHASE");
    if (!reply_once(p, r, "PHASE") || !reply_once(p, r, "RUNID"))
        return 0;
    m->runid = request_param(r, "RUNID");
    m->run = phase && strcasecmp(phase, "RUN") == 0;
    if (phase && !m->run)
        return reply_refuse(p, 400, "PHASE: expected RUN, found \"%.40s\"", phase);
    return 1;
}

/* The answer is asked for, whether or not it is to run at once: what cannot be is told at once. */
static int plan(struct service *s, struct reply *p, const struct task *task, json_t **answer,
                struct err *err)
{
    if (plan_ask(s, task, answer, err) < 0)
        return -1;
    if (str_same(json_text(*answer, "result"), "YES"))
        return 1;
    return reply_findings(p, 422, "the planner's answer is NO",
                          json_object_get(*answer, "messages"));
}

/* 1, 0 when it was refused, -1. */
static int read_making(struct service *s, struct request *r, struct reply *p, struct making *m,
                       struct err *err)
{
    int rc = read_words(r, p, m);
    m->parameters = json_array();
    if (rc <= 0)
        return rc;
    if (str_same(r->type, FORM_TYPE)) {
        rc = read_form(s, r, p, m, err);
    } else if (str_same(r->type, MULTIPART)) {
        rc = read_parts(s, r, p, m, err);
    } else if (r->len) {
        rc = plan_read(s, r, p, &m->task, err);
        m->tasked = rc > 0;
        if (m->tasked)
            json_array_append_new(m->parameters, parameter("task", ""));
    }
    return rc > 0 && m->tasked ? plan(s, p, &m->task, &m->answer, err) : rc;
}

/* What is kept of the task; its parameter tells it as it is kept, without its secrets. */
static int keep_task(struct service *s, const char *id, struct making *m, json_t **kept,
                     struct err *err)
{
    size_t i;
    json_t *row;
    if (!m->tasked)
        return 0;
    *kept = draft_keep(&s->store, id, m->task.doc, err);
    if (!*kept)
        return -1;
    if (s->kept[0])
        json_object_set_new(*kept, "uploads", json_string(s->kept));
    if (s->kept[0] && upload_mark(&s->store, s->kept, id, err) < 0)
        return -1;
    own(str_fini) char *text = write_string(json_object_get(*kept, "task"));
    json_array_foreach (m->parameters, i, row)
        if (is_task(json_text(row, "name")))
            json_object_set_new(row, "value", json_string(text));
    return 0;
}

/* --- keys --- */

/* The request's key, if it has one: 1, 0 when it has none or was refused (then p says so). */
static int read_key(const struct service *s, const struct request *r, struct key *k)
{
    own(buf_fini) struct buf all = {0};
    k->owner = s->who.name;
    k->key = request_header(r, "HTTP_IDEMPOTENCY_KEY");
    if (!*k->key)
        return 0;
    buf_print(&all, "%s\n%s\n", r->type, request_header(r, "QUERY_STRING"));
    buf_add(&all, r->body, r->len);
    sum_sha256(all.bytes, all.len, k->sum);
    return 1;
}

static int see_job(const struct service *s, struct reply *p, const char *id)
{
    own(str_fini) char *url = service_url(s, "jobs/%s", id);
    reply_see(p, url);
    return 0;
}

/* Was it asked before? 1, when it is answered by that; 0; -1. */
static int answer_again(struct service *s, const struct key *k, struct reply *p, struct err *err)
{
    char id[UUID_TEXT];
    const int rc = key_find(&s->store, k, clock_ms(), id, err);
    if (rc < 0 && err->code == CODE_DATA) {
        reply_refuse(p, 422, "%s", err->text);
        return 1;
    }
    if (rc > 0)
        see_job(s, p, id);
    return rc;
}

/* --- and made --- */

static const char *best_offer(json_t *answer, struct err *err)
{
    return json_text(accept_choose(answer, NULL, NULL, err), "id");
}

/* 1, 0 when there are too many already, -1. */
static int check_drafts(struct service *s, struct reply *p, struct err *err)
{
    int64_t n;
    if (usage_drafts(&s->store, s->who.name, &n, err) < 0)
        return -1;
    if (n < DRAFTS_MAX)
        return 1;
    return reply_refuse(p, 403,
                        "%s has %" PRId64 " jobs that were never run, as many as may be; run or "
                        "delete some of them",
                        s->who.name, n);
}

/* In a transaction: 1, 0 when it was answered, -1. */
static int make_now(struct service *s, const struct making *m, const struct key *k, struct reply *p,
                    struct job *job, struct err *err)
{
    const int64_t now = clock_ms();
    const int again = *k->key ? answer_again(s, k, p, err) : 0; /* another of us was faster */
    if (again != 0)
        return again < 0 ? -1 : 0;
    const int room = m->run ? 1 : check_drafts(s, p, err);
    if (room <= 0)
        return room;
    if (store_job_add(&s->store, job, "owner", "made over UWS", err) < 0 ||
        (*k->key && key_add(&s->store, k, now, job->id, err) < 0))
        return -1;
    if (!m->run)
        return 1;
    struct job made = {0};
    const char *offer = best_offer(m->answer, err);
    if (!offer || accept_draft(&s->store, job, offer, &s->who, now, &made, err) < 0)
        return -1;
    job_fini(job);
    *job = made;
    return 1;
}

static int make(struct service *s, const struct making *m, const struct key *k, struct reply *p,
                struct job *job, struct err *err)
{
    if (store_begin(&s->store, true, err) < 0)
        return -1;
    const int rc = make_now(s, m, k, p, job, err);
    if (rc > 0)
        return store_commit(&s->store, err) < 0 ? -1 : 1;
    store_rollback(&s->store);
    return rc;
}

int serve_create(struct service *s, struct request *r, struct reply *p, struct err *err)
{
    own(making_fini) struct making m = {0};
    own(job_fini) struct job job = {0};
    own(json_fini) json_t *kept = NULL;
    struct key k;
    char id[UUID_TEXT];
    if (!service_store(s, err))
        return -1;
    if (strlen(request_header(r, "HTTP_IDEMPOTENCY_KEY")) > KEY_MAX)
        return reply_refuse(p, 400, "Idempotency-Key: expected at most %d bytes", KEY_MAX);
    int rc = read_key(s, r, &k) ? answer_again(s, &k, p, err) : 0;
    if (rc != 0)
        return rc < 0 ? -1 : 0;
    rc = read_making(s, r, p, &m, err);
    if (rc <= 0)
        return rc;
    if (m.run && !m.tasked)
        return reply_refuse(p, 422, "there is nothing to run: expected a task, as JDL");
    if (keep_task(s, clock_uuid(id), &m, &kept, err) < 0)
        return -1;
    draft_init(&job, id, &s->who, clock_ms(), m.parameters, kept, m.runid);
    rc = make(s, &m, &k, p, &job, err);
    if (rc < 0 && err->code == CODE_CONFLICT)
        return reply_refuse(p, 403, "%s", err->text);
    return rc <= 0 ? rc : see_job(s, p, job.id);
}

/* --- drafts --- */

/* A quota is its owner's, and so is what is planned with it. */
static int check_owner(const struct service *s, struct reply *p, const struct job *j)
{
    return str_same(s->who.name, j->owner)
               ? 1
               : reply_refuse(p, 403, "job %s is to be planned for its owner, who alone can say so",
                              j->id);
}

/* Somebody else may have said so at the same time. */
static bool runs_already(struct service *s, const char *id)
{
    own(job_fini) struct job now = {0};
    struct err ignored = {0};
    return store_job_get(&s->store, id, &now, &ignored) == 0 && !job_draft(&now);
}

int create_run(struct service *s, struct reply *p, const struct job *j, const struct amend *a,
               struct err *err)
{
    own(json_fini) json_t *answer = NULL;
    own(task_fini) struct task task = {0};
    own(job_fini) struct job made = {0};
    if (check_owner(s, p, j) == 0)
        return 0;
    own(json_fini) json_t *doc = draft_task(&s->store, j, err);
    if (!doc)
        return err->code == CODE_NOINPUT && !err->inner ? reply_refuse(p, 422, "%s", err->text)
                                                        : -1;
    if (task_init(&task, doc, err) < 0)
        return -1;
    const char *uploads = upload_of(json_object_get(j->doc, "private"));
    snprintf(s->kept, sizeof(s->kept), "%s", uploads ? uploads : "");
    const int rc = plan(s, p, &task, &answer, err);
    if (rc <= 0)
        return rc;
    const char *offer = best_offer(answer, err);
    if (!offer || store_begin(&s->store, true, err) < 0)
        return -1;
    if ((a && amend_draft(&s->store, j->id, a, err) < 0) ||
        accept_draft(&s->store, j, offer, &s->who, clock_ms(), &made, err) < 0) {
        store_rollback(&s->store);
        return !a && runs_already(s, j->id) ? 1 : -1;
    }
    return store_commit(&s->store, err) < 0 ? -1 : 1;
}

/* Those that are given replace those of their names. */
static json_t *merge(const json_t *old, const json_t *given)
{
    json_t *all = json_array(), *row, *other;
    size_t i, k;
    json_array_foreach (old, i, row) {
        const char *name = json_text(row, "name");
        bool again = false;
        json_array_foreach (given, k, other)
            again |= strcasecmp(name, json_text(other, "name")) == 0 ||
                     (is_task(name) && is_task(json_text(other, "name")));
        if (!again)
            json_array_append(all, row);
    }
    json_array_extend(all, (json_t *)given);
    return all;
}

/* The parts of a draft that keep its task. */
static json_t *old_task(const struct job *j)
{
    const json_t *private = json_object_get(j->doc, "private");
    return json_pack("{s:O*,s:O*,s:O*}", "task", json_object_get(private, "task"), "sealed",
                     json_object_get(private, "sealed"), "uploads",
                     json_object_get(private, "uploads"));
}

int serve_create_parameters(struct service *s, struct request *r, struct reply *p, struct err *err)
{
    own(making_fini) struct making m = {0};
    own(job_fini) struct job j = {0};
    own(json_fini) json_t *kept = NULL;
    if (service_job(s, r->segments[0], &j, err) < 0)
        return -1;
    if (!job_draft(&j) || j.phase != PHASE_PENDING)
        return reply_refuse(p, 403, "job %s is %s and was planned; its parameters stay as they are",
                            j.id, phase_name(j.phase));
    if (check_owner(s, p, &j) == 0)
        return 0;
    if (request_param(r, "PHASE"))
        return reply_refuse(p, 400, "PHASE: expected at the job, or at its phase");
    const int rc = read_making(s, r, p, &m, err);
    if (rc <= 0)
        return rc;
    if (keep_task(s, j.id, &m, &kept, err) < 0)
        return -1;
    own(json_fini) json_t *all = merge(json_object_get(j.doc, "parameters"), m.parameters);
    own(json_fini) json_t *task = kept ? json_incref(kept) : old_task(&j);
    const struct amend a = {.limit = -1,
                            .name = m.tasked ? m.task.name : NULL,
                            .runid = m.runid,
                            .parameters = all,
                            .task = task,
                            .before = &j};
    if (amend_job(&s->store, j.id, &a, err) < 0)
        return err->code == CODE_CONFLICT ? reply_refuse(p, 403, "%s", err->text) : -1;
    return see_job(s, p, j.id);
}
