#include "job/sweep.h"
#include <dirent.h>
#include <fcntl.h>
#include "host/clock.h"
#include "host/image.h"
#include "host/path.h"
#include "job/act.h"
#include "job/destroy.h"
#include "job/lease.h"
#include "plan/upload.h"
#include "store/storage.h"

#define PERIOD_MS 86400000
#define IMAGE_UNUSED_S (7 * 86400)

/* --- once a day --- */

static char *note_of(const struct store *store)
{
    return str_print("%s/swept", store->dir);
}

/* A time that is still to come was written by another clock. */
static int64_t daily_when(const struct store *store, int64_t now)
{
    char text[32] = "";
    own(str_fini) char *path = note_of(store);
    own(fd_fini) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
        return now;
    const int64_t last = strtoll(text, NULL, 10);
    return last > now ? now : last + PERIOD_MS;
}

/* A worker that looked after a job when it was deleted may have made its directory again, with the
 * lock in it. One with more in it is no such: a store that was restored from a backup does not know
 * the jobs since, and execdm-store check tells of them. */
static void sweep_directory(struct store *store, const char *id)
{
    struct err err = {0};
    own(job_fini) struct job j = {0};
    if (store_job_get(store, id, &j, &err) == 0 ? j.phase != PHASE_ARCHIVED
                                                : err.code != CODE_NOINPUT)
        return;
    own(fd_fini) int lease = lease_take(store, id, 0, &err);
    if (lease >= 0)
        destroy_directory(store, id, &err);
}

/* The images of jobs that have not ended: in the queue of a backend one may be prepared for weeks,
 * and nobody holds its image. */
static int needed_images(struct store *store, struct strs *digests, struct err *err)
{
    own(strs_fini) struct strs ids = {0};
    if (store_jobs(store, true, &ids, err) < 0)
        return -1;
    for (size_t i = 0; i < ids.n; i++) {
        own(job_fini) struct job j = {0};
        if (store_job_get(store, ids.list[i], &j, err) < 0)
            return -1;
        const char *digest = json_text(json_object_get(act_private(&j), "image"), "digest");
        if (digest)
            strs_add(digests, digest);
    }
    return 0;
}

/* Noted first: the next one has nothing to do. What cannot be removed stays until the next day. */
static int daily(struct step *s, int64_t now, struct err *err)
{
    own(str_fini) char *jobs = str_print("%s/jobs", s->store->dir);
    own(str_fini) char *note = note_of(s->store);
    own(str_fini) char *said = str_print("%lld\n", (long long)now);
    if (path_write(note, said, strlen(said), 0600, err) < 0)
        return -1;
    own(strs_fini) struct strs needed = {0};
    const int rc = needed_images(s->store, &needed, err);
    if (rc == 0)
        image_collect(s->store->dir, now / 1000 - IMAGE_UNUSED_S, &needed);
    DIR *dir = opendir(jobs);
    for (struct dirent *e; dir && (e = readdir(dir)) && !(s->stop && s->stop(s->context));)
        if (uuid_valid(e->d_name))
            sweep_directory(s->store, e->d_name);
    if (dir)
        closedir(dir);
    return rc;
}

/* --- and what has its time --- */

int sweep_when(struct store *store, int64_t now, int64_t *when, struct err *err)
{
    own(strs_fini) struct strs ids = {0};
    int64_t next;
    if (storage_due(store, now, &ids, &next, err) < 0)
        return -1;
    const int64_t day = daily_when(store, now);
    const int64_t uploads = upload_when(store);
    *when = ids.n > 0 ? now : day < next ? day : next;
    *when = uploads < *when ? uploads : *when;
    return 0;
}

int sweep_work(struct step *s, struct err *err)
{
    own(strs_fini) struct strs ids = {0};
    const int64_t now = clock_ms();
    int64_t next;
    int rc = 0;
    if (storage_due(s->store, now, &ids, &next, err) < 0)
        return -1;
    for (size_t i = 0; i < ids.n && !(s->stop && s->stop(s->context)); i++)
        if (destroy_due(s, ids.list[i], err) < 0)
            rc = err_wrap(err, "job %s", ids.list[i]);
    rc = upload_sweep(s->store, now, err) < 0 ? -1 : rc;
    return daily_when(s->store, now) <= now && daily(s, now, err) < 0 ? -1 : rc;
}
