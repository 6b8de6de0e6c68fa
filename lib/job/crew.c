#include "job/crew.h"
#include <signal.h>
#include "host/clock.h"
#include "host/path.h"
#include "job/lease.h"

#define STOP_MS 5000 /* for one that was told to stop */

bool crew_full(const struct crew *c)
{
    for (size_t i = 0; i < CREW_MAX; i++)
        if (!c->hands[i].busy)
            return false;
    return true;
}

bool crew_idle(const struct crew *c)
{
    for (size_t i = 0; i < CREW_MAX; i++)
        if (c->hands[i].busy)
            return false;
    return true;
}

int crew_start(struct crew *c, const char *id, struct err *err)
{
    struct hand *h = c->hands;
    while (h->busy)
        h++;
    snprintf(h->id, sizeof(h->id), "%s", id ? id : "");
    h->argv[0] = spawn_find_program("execdm-step");
    h->argv[1] = id ? "job" : "sweep";
    h->argv[2] = id ? h->id : NULL;
    h->run = (struct spawn){.argv = h->argv, .kin = true};
    if (!h->argv[0])
        return err_set(err, CODE_UNAVAIL, "execdm-step is not installed beside this program");
    if (spawn_start(&h->run, err) < 0) {
        str_fini(&h->argv[0]);
        return -1;
    }
    h->busy = true;
    return 0;
}

size_t crew_fds(const struct crew *c, struct pollfd *fds)
{
    size_t n = 0;
    for (size_t i = 0; i < CREW_MAX; i++)
        for (size_t k = 0; k < 2; k++)
            if (c->hands[i].busy)
                fds[n++] = (struct pollfd){c->hands[i].run.pipes[k], POLLIN, 0};
    return n;
}

static void let_go(struct hand *h)
{
    spawn_fini(&h->run);
    str_fini(&h->argv[0]);
    h->busy = false;
}

/* Has it something to say? Then that is taken in. True when it has nothing more to say. */
static bool is_at_end(struct hand *h)
{
    struct spawn *run = &h->run;
    struct pollfd fds[2] = {{run->pipes[0], POLLIN, 0}, {run->pipes[1], POLLIN, 0}};
    if (!spawn_silent(run) && poll(fds, 2, 0) > 0)
        spawn_serve_some(&run, 1);
    return spawn_silent(run);
}

int crew_reap(struct crew *c, char id[UUID_TEXT], struct err *err)
{
    for (size_t i = 0; i < CREW_MAX; i++) {
        struct hand *h = &c->hands[i];
        struct spawn *run = &h->run;
        if (!h->busy || !is_at_end(h))
            continue;
        *err = (struct err){0};
        spawn_serve(&run, 1);
        const int code = spawn_result(run, err);
        const char *said = spawn_last_error(run);
        if (code > 0)
            err_set(err, CODE_TEMP, "%s", *said ? said : "execdm-step ended without a word");
        memcpy(id, h->id, UUID_TEXT);
        let_go(h);
        return 1;
    }
    return 0;
}

void crew_dismiss(struct crew *c)
{
    const int64_t until = clock_boot() + STOP_MS;
    for (size_t i = 0; i < CREW_MAX; i++)
        if (c->hands[i].busy)
            kill(c->hands[i].run.pid, SIGTERM);
    for (size_t i = 0; i < CREW_MAX; i++) {
        struct hand *h = &c->hands[i];
        while (h->busy && !spawn_ended(&h->run) && clock_boot() < until)
            usleep(10000);
        if (h->busy)
            let_go(h);
    }
}

int crew_stage(struct step *s, const char *id, struct err *err)
{
    own(fd_fini) int lease = lease_take(s->store, id, 0, err);
    int64_t due;
    if (lease < 0)
        return err->code == CODE_TEMP ? 0 : -1;
    for (;;) {
        own(job_fini) struct job j = {0};
        const int rc = step_job(s, id, &j, &due, err);
        if (rc <= 0 || !step_is_long(s, &j))
            return rc < 0 ? -1 : 0;
    }
}
