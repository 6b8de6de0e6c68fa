/* When the files that came with a task go: not while the job that has them is being made. */
#include <stdlib.h>
#include "host/clock.h"
#include "host/path.h"
#include "plan/upload.h"
#include "tap.h"

#define ANSWER "00000000-0000-7000-8000-000000000001"
#define JOB "00000000-0000-7000-8000-000000000002"
#define HOUR_MS 3600000

static char dir[] = "/tmp/execdm-upload.XXXXXX";

static void keep(struct store *s)
{
    struct err err = {0};
    ok(upload_begin(s, ANSWER, "ada", &err) == 0 && upload_keep(s, ANSWER, "in", "x", 1, &err) == 0,
       "a file is kept");
}

static bool swept(struct store *s, int64_t now)
{
    struct err err = {0};
    own(str_fini) char *path = upload_path(s, ANSWER, UPLOAD_SCHEME "in");
    return upload_sweep(s, now, &err) == 0 && !path_exists(path);
}

static void test_times(struct store *s)
{
    struct err err = {0};
    const int64_t now = clock_ms();
    keep(s);
    ok(upload_used(s, "ada") == 4096 && upload_used(s, "ad") == 0 && upload_used(s, "adam") == 0,
       "it is its owner's alone");
    ok(!swept(s, now), "it stays while its task is planned");
    ok(upload_mark(s, ANSWER, JOB, &err) == 0 && !swept(s, clock_ms() + HOUR_MS / 2),
       "it stays when it is marked for a job that nobody can see yet");
    ok(swept(s, clock_ms() + 2 * (int64_t)HOUR_MS), "it goes when that job was never made");
}

int main(void)
{
    struct err err = {0};
    own(store_close) struct store s = {.lock = -1};
    if (!mkdtemp(dir) || setenv("EXECDM_STATE", dir, 1) < 0)
        return 1;
    if (ok(store_open(&s, &err) == 0, "a store"))
        test_times(&s);
    path_remove(dir, &err);
    return tap_end();
}
