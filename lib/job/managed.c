/* A place is ours when it was not there before we noted it, and we made it. The order is: look,
 * note, make, say that it is made. Whoever dies in between leaves a note without "made"; then the
 * place is there because of us, or not at all. That holds while the job is being prepared; when it
 * has ended others may have come, and what was not said to be made is only looked at. */
#include "job/managed.h"
#include "host/clock.h"
#include "host/credential.h"
#include "job/layout.h"
#include "store/storage.h"
#include "text/uri.h"

#define PAUSE_MS 60000        /* before the second try to remove */
#define PAUSE_MAX_MS 21600000 /* between any two */
#define TRIES_MAX 36          /* about a week of them */

/* Adds what is to be done there; `type` is false for a look at whatever it is. The job itself may
 * be gone: then it is taken for one that came over the network unless it was the account's. */
static int add_line(struct store *store, json_t *lines, const struct job *j,
                    const struct storage_row *row, const char *direction, bool type,
                    struct err *err)
{
    own(str_fini) char *url = storage_url(store, row, err);
    const char *kind = row->single ? "file" : "directory";
    if (!url)
        return -1;
    json_t *line = json_pack("{s:s,s:s,s:s,s:s*}", "id", row->name, "dest", url, "direction",
                             direction, "type", type ? kind : NULL);
    if (j ? layout_public(j, row->name) : !account_is(row->owner))
        json_object_set_new(line, "public", json_true());
    return json_array_append_new(lines, line);
}

static const json_t *error_of(const struct stager *stager, const struct storage_row *row)
{
    return json_object_get(json_object_get(stager->results, row->name), "error");
}

static bool says(const json_t *error, const char *reason)
{
    return str_same(json_text(error, "reason"), reason);
}

static const struct storage_row *find(const struct storage_rows *rows, const char *name)
{
    for (size_t i = 0; i < rows->n; i++)
        if (str_same(rows->list[i].name, name))
            return &rows->list[i];
    return NULL;
}

/* The places of the task that nobody has noted yet. */
static int list_new(struct store *store, const struct job *j, const struct task *t,
                    const struct storage_rows *known, struct storage_rows *rows, struct err *err)
{
    for (size_t i = 0; i < t->nstorage; i++) {
        const struct storage *st = &t->storage[i];
        const char *keep = json_text(st->spec, "maxlifetime");
        if (!st->managed || !st->location || find(known, st->name))
            continue;
        rows->list = mem_grow(rows->list, rows->n + 1, sizeof(*rows->list));
        struct storage_row *row = &rows->list[rows->n++];
        *row = (struct storage_row){.name = str_new(st->name),
                                    .owner = str_new(j->owner),
                                    .single = layout_single(st),
                                    .keep = str_new(keep ? keep : "PT0S")};
        snprintf(row->job, sizeof(row->job), "%s", j->id);
        if (storage_hide(store, row, st->location, err) < 0)
            return -1;
    }
    return 0;
}

static int refuse(struct job *j, const struct storage_row *row, bool transient, const char *why)
{
    own(str_fini) char *text = str_print("%s: %s", row->name, why);
    act_error(j, "stagein", "staging", transient, text);
    return 1;
}

static int refuse_there(struct job *j, const struct storage_row *row)
{
    return refuse(j, row, false,
                  "its place is there already, so it is not this job's to make and to delete; name "
                  "another, or say lifecycle: unmanaged (Planner 2.2.3)");
}

/* Is anything there? One that may not look is told when the place is made. */
static int look(struct step *s, struct job *j, const struct storage_rows *rows, struct err *err)
{
    own(stager_fini) struct stager stager = {0};
    own(json_fini) json_t *lines = json_array();
    for (size_t i = 0; i < rows->n; i++)
        if (add_line(s->store, lines, j, &rows->list[i], "check", false, err) < 0)
            return -1;
    if (act_move(s, j, "storage", lines, &stager, "stagein", err) < 0)
        return -1;
    json_object_del(j->doc, "error");
    for (size_t i = 0; i < rows->n; i++) {
        const json_t *error = error_of(&stager, &rows->list[i]);
        if (!error || says(error, "invalid"))
            return refuse_there(j, &rows->list[i]);
        if (json_is_true(json_object_get(error, "transient")))
            return refuse(j, &rows->list[i], true, json_text(error, "text"));
    }
    return 0;
}

/* All of them, or none. */
static int note(struct step *s, struct job *j, const struct storage_rows *rows, struct err *err)
{
    size_t i = 0;
    if (store_begin(s->store, true, err) < 0)
        return -1;
    while (i < rows->n && storage_note(s->store, &rows->list[i], err) == 0)
        i++;
    if (i == rows->n)
        return store_commit(s->store, err);
    store_rollback(s->store);
    return err->code == CODE_CONFLICT ? refuse(j, &rows->list[i], false, err->text) : -1;
}

/* Nothing is there until something is stored: such a place cannot have been made by us. */
static bool is_silent(const struct storage_row *row)
{
    own(str_fini) char *path = str_print("%.*s", (int)strcspn(row->url, "?#"), row->url);
    const char *key = str_begins(path, "s3://") ? strchr(path + 5, '/') : NULL;
    return row->single || (key && key[1]);
}

/* What the stager said of one place, in the transaction. 0: it is there; 1: j's error is set. */
static int judge(struct step *s, struct job *j, const struct storage_row *row, bool ours,
                 const json_t *error, struct err *err)
{
    if (!error || (says(error, "exists") && ours && !is_silent(row)))
        return storage_made(s->store, row, err);
    if (says(error, "exists"))
        return storage_forget(s->store, row, err) < 0 ? -1 : refuse_there(j, row);
    const bool transient = json_is_true(json_object_get(error, "transient"));
    /* when it cannot be told what became of it, it is looked at with the rest */
    if (!transient && storage_forget(s->store, row, err) < 0)
        return -1;
    return refuse(j, row, transient, json_text(error, "text"));
}

/* Those not made yet; ours: they were noted by somebody before us, who may have made them. */
static int make(struct step *s, struct job *j, const struct storage_rows *rows, bool ours,
                struct err *err)
{
    own(stager_fini) struct stager stager = {0};
    own(json_fini) json_t *lines = json_array();
    int rc = 0;
    for (size_t i = 0; i < rows->n; i++)
        if (!rows->list[i].made &&
            add_line(s->store, lines, j, &rows->list[i], "make", true, err) < 0)
            return -1;
    if (json_array_size(lines) == 0)
        return 0;
    if (act_move(s, j, "storage", lines, &stager, "stagein", err) < 0 ||
        store_begin(s->store, true, err) < 0)
        return -1;
    json_object_del(j->doc, "error");
    for (size_t i = 0; i < rows->n && rc >= 0; i++) {
        const struct storage_row *row = &rows->list[i];
        const int said = row->made ? 0 : judge(s, j, row, ours, error_of(&stager, row), err);
        rc = said != 0 ? said : rc;
    }
    if (rc < 0) {
        store_rollback(s->store);
        return -1;
    }
    return store_commit(s->store, err) < 0 ? -1 : rc;
}

int managed_make(struct step *s, struct job *j, const struct task *t, struct err *err)
{
    own(storage_rows_fini) struct storage_rows known = {0}, fresh = {0};
    if (storage_of(s->store, j->id, &known, err) < 0)
        return -1;
    int rc = make(s, j, &known, true, err);
    if (rc != 0)
        return rc;
    if (list_new(s->store, j, t, &known, &fresh, err) < 0)
        return -1;
    if (fresh.n == 0)
        return 0;
    if ((rc = look(s, j, &fresh, err)) != 0 || (rc = note(s, j, &fresh, err)) != 0)
        return rc;
    return make(s, j, &fresh, false, err);
}

bool managed_wants(struct store *store, const struct job *j, const struct task *t)
{
    own(storage_rows_fini) struct storage_rows known = {0};
    struct err ignored;
    bool all = storage_of(store, j->id, &known, &ignored) == 0;
    for (size_t i = 0; i < t->nstorage; i++) {
        const struct storage *st = &t->storage[i];
        const struct storage_row *row = find(&known, st->name);
        all &= !st->managed || !st->location || (row && row->made);
    }
    return !all;
}

/* --- afterwards --- */

/* For its owner; when the job is deleted, 1 with why in err. In the transaction. */
static int say_left(struct step *s, const struct storage_row *row, const char *why, struct err *err)
{
    own(job_fini) struct job j = {0};
    struct err none = {0};
    own(str_fini) char *text = str_print(
        "%s: its place could not be deleted and is left to its owner: %s", row->name, why);
    if (store_job_get(s->store, row->job, &j, &none) < 0 && none.code == CODE_NOINPUT) {
        err_set(err, CODE_NO, "%s", text);
        return 1;
    }
    if (none.code)
        return *err = none, -1;
    act_message(&j, "storage-left", text);
    return store_job_note(s->store, &j, j.phase, clock_ms(), err) < 0 ? -1 : 0;
}

static bool is_due(const struct storage_row *row, int64_t now)
{
    return row->due > 0 && row->due <= now;
}

static int64_t pause_after(int64_t tries)
{
    const int64_t pause = tries < 16 ? PAUSE_MS << tries : PAUSE_MAX_MS;
    return pause < PAUSE_MAX_MS ? pause : PAUSE_MAX_MS;
}

/* What no time mends. An `invalid` file: URL could not have been made: it is ENOTEMPTY, somebody
 * is writing there yet. */
static bool is_final(const struct storage_row *row, const json_t *error)
{
    return says(error, "unsupported") || (says(error, "invalid") && !str_begins(row->url, "file:"));
}

/* One that was noted, but perhaps never made, may have been made by others meanwhile. 0 when
 * nothing of ours is there, or nothing any more: an empty directory goes; of other schemes it
 * cannot be told what is in it. */
static int leave_unmade(const struct storage_row *row, const json_t *error)
{
    own(str_fini) char *path = uri_file_path(row->url);
    if (says(error, "notfound"))
        return 0;
    return path && !row->single && (rmdir(path) == 0 || errno == ENOENT) ? 0 : -1;
}

static int give_up(struct step *s, const struct storage_row *row, const char *why, struct err *err)
{
    return storage_forget(s->store, row, err) < 0 ? -1 : say_left(s, row, why, err);
}

/* 1 when it is to be tried again, or there is something to say. */
static int settle(struct step *s, const struct storage_row *row, const json_t *error,
                  struct err *err)
{
    const char *why = json_text(error, "text");
    if (!row->made && (!error || says(error, "notfound") || says(error, "invalid")))
        return leave_unmade(row, error) == 0
                   ? storage_forget(s->store, row, err)
                   : give_up(s, row,
                             "something is there, but it cannot be told whether it was made for "
                             "this job or by others",
                             err);
    if (!error)
        return storage_forget(s->store, row, err);
    if (is_final(row, error) || row->tries + 1 >= TRIES_MAX)
        return give_up(s, row, why, err);
    if (storage_later(s->store, row, clock_ms() + pause_after(row->tries), err) < 0)
        return -1;
    err_set(err, CODE_TEMP, "%s: %s", row->name, why);
    return 1;
}

/* What the stager said of all that were due, in one transaction. -1 with why when one is left. */
static int settle_all(struct step *s, const struct storage_rows *rows, int64_t now,
                      const struct stager *stager, struct err *err)
{
    int rc = 0, again = 0;
    if (store_begin(s->store, true, err) < 0)
        return -1;
    for (size_t i = 0; i < rows->n && rc >= 0; i++) {
        if (!is_due(&rows->list[i], now))
            continue;
        rc = settle(s, &rows->list[i], error_of(stager, &rows->list[i]), err);
        again |= rc > 0;
    }
    if (rc < 0) {
        store_rollback(s->store);
        return -1;
    }
    return store_commit(s->store, err) < 0 || again ? -1 : 0;
}

static bool stopping(void *context)
{
    struct step *s = context;
    return s->stop && s->stop(s->context);
}

/* One whose URL cannot be opened, as if the stager had said so. */
static void cannot_open(json_t *results, const struct storage_row *row, const struct err *why)
{
    json_object_set_new(results, row->name,
                        json_pack("{s:{s:s,s:b,s:s}}", "error", "reason", "sealed", "transient",
                                  false, "text", why->text));
}

int managed_clear(struct step *s, const char *id, struct err *err)
{
    own(storage_rows_fini) struct storage_rows rows = {0};
    own(json_fini) json_t *lines = json_array();
    own(stager_fini) struct stager stager = {.stop = stopping, .context = s};
    own(json_fini) json_t *closed = json_object();
    own(job_fini) struct job j = {0};
    struct err gone = {0};
    const int64_t now = clock_ms();
    size_t due = 0;
    if (storage_of(s->store, id, &rows, err) < 0)
        return -1;
    const bool there = rows.n > 0 && store_job_get(s->store, id, &j, &gone) == 0;
    for (size_t i = 0; i < rows.n; i++) {
        const struct storage_row *row = &rows.list[i];
        struct err why = {0};
        if (!is_due(row, now))
            continue;
        due++;
        if (add_line(s->store, lines, there ? &j : NULL, row, row->made ? "remove" : "check", true,
                     &why) < 0)
            cannot_open(closed, row, &why);
    }
    if (due == 0)
        return 0;
    stager.identity = rows.list[0].owner; /* the job itself may be gone */
    if (stager_run(&stager, lines, err) < 0)
        return -1;
    json_object_update(stager.results, closed);
    return settle_all(s, &rows, now, &stager, err);
}
