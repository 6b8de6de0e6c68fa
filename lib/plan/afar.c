#include "host/clock.h"
#include "net/remote.h"
#include "plan/afar.h"

#define KEPT_MS (7 * INT64_C(86400000)) /* no offer of others stays longer, whatever it says */

int afar_keep(struct store *store, const char *answer, json_t *offer, int64_t now, struct err *err)
{
    own(offer_row_fini) struct offer_row row = {0};
    own(offer_row_fini) struct offer_row other = {0};
    struct err none = {0};
    struct when expires;
    const char *why, *id = json_text(offer, "id");
    if (store_offer_get(store, id, &other, &none) == 0)
        return 0;
    if (none.code != CODE_NOINPUT) {
        *err = none;
        return -1;
    }
    if (when_parse(json_text(offer, "expires"), &expires, NULL, &why) < 0)
        return err_set(err, CODE_BUG, "a judged offer expires never");
    snprintf(row.id, sizeof(row.id), "%s", id);
    snprintf(row.answer, sizeof(row.answer), "%s", answer);
    /* no platform of ours is called so: a name has no blank */
    row.platform = str_print("%s %s", json_text(offer, "planner"), json_text(offer, "platform"));
    row.created = now;
    row.expires = when_to_ms(expires) < now + KEPT_MS ? when_to_ms(expires) : now + KEPT_MS;
    row.doc = json_pack("{s:O,s:{s:O,s:O}}", "offer", offer, "private", "accept",
                        json_object_get(offer, "accept"), "job", json_object_get(offer, "job"));
    return store_offer_add(store, &row, err) < 0 ? -1 : 1;
}

bool afar_is(const struct offer_row *row)
{
    return json_text(json_object_get(row->doc, "private"), "accept") != NULL;
}

static void make_job(const struct offer_row *row, json_t *doc, const char *url, int64_t now,
                     struct job *job)
{
    const json_t *offer = json_object_get(row->doc, "offer");
    *job = (struct job){.created = now};
    snprintf(job->id, sizeof(job->id), "%s", row->id);
    job->name = str_new(json_text(offer, "task"));
    job->platform = str_new(row->platform);
    job->driver = str_new(JOB_REMOTE);
    job->doc = json_pack(
        "{s:s,s:s,s:O,s:O,s:O*,s:O*,s:O*,s:O*,s:O*}", "offer", row->id, "url", url, "planner",
        json_object_get(offer, "planner"), "platform", json_object_get(offer, "platform"),
        "executable", json_object_get(offer, "executable"), "resources",
        json_object_get(offer, "resources"), "datetime", json_object_get(offer, "datetime"),
        "triggers", json_object_get(offer, "triggers"), "callouts",
        json_object_get(offer, "callouts"));
    job_seen(job, doc, now);
}

/* It is a job of the other side by now: written down, whatever else was accepted meanwhile. */
static int write_down(struct store *store, const struct offer_row *row, struct job *job,
                      struct err *err)
{
    if (store_begin(store, true, err) < 0)
        return -1;
    struct err none = {0};
    own(job_fini) struct job there = {0};
    char taken[UUID_TEXT];
    int rc = store_job_get(store, row->id, &there, &none) == 0 ? 1 /* another of us was faster */
                                                               : 0;
    if (rc == 0)
        rc = store_job_add(store, job, "owner", "offer accepted", err) < 0
                 ? -1
                 : store_offer_accepted(store, row->answer, taken, err);
    if (rc == 0)
        rc = store_offer_accept(store, row, err);
    if (rc >= 0)
        return store_commit(store, err);
    store_rollback(store);
    return -1;
}

int afar_accept(struct store *store, const struct offer_row *row, struct job *job, struct err *err)
{
    const json_t *private = json_object_get(row->doc, "private");
    char taken[UUID_TEXT];
    own(json_fini) json_t *doc = NULL;
    own(str_fini) char *url = NULL;
    int rc = store_offer_accepted(store, row->answer, taken, err);
    if (rc != 0)
        return rc < 0 ? -1 : store_job_get(store, taken, job, err);
    /* Whether it has expired says the other side: it may be accepted, and only the answer lost. */
    if (remote_accept(json_text(private, "accept"), row->id, json_text(private, "job"), &doc, &url,
                      err) < 0) {
        const struct err why = *err;
        if (why.code == CODE_NOINPUT || why.code == CODE_CONFLICT)
            err_set(err, CODE_CONFLICT, "%.900s; ask again with execdm-plan", why.text);
        return -1;
    }
    make_job(row, doc, url, clock_ms(), job); /* the other side took its time */
    if (write_down(store, row, job, err) == 0)
        return 0;
    job_fini(job);
    return -1;
}
