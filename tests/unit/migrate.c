/* A store of an older version is brought to a newer one, in one transaction; a newer one is
 * refused. The table of steps is the test's own: the first makes what is published, the others are
 * made up. */
#include <stdlib.h>
#include <sys/stat.h>
#include "store/db.h"
#include "tap.h"

#define TO_2                                                                                       \
    "ALTER TABLE jobs ADD COLUMN extra TEXT DEFAULT 'x'; CREATE INDEX jobs_extra ON jobs(extra)"
/* holds only if extra is there, and more is not */
#define TO_3 "UPDATE jobs SET extra='y'; ALTER TABLE jobs ADD COLUMN more TEXT"
static const char *const two[] = {NULL, TO_2};
static const char *const three[] = {NULL, TO_2, TO_3};
/* the second half of a step fails: the first must not stay */
static const char *const broken[] = {NULL, TO_2, TO_3 "; UPDATE no_such_table SET a=1"};
/* two steps in one go, of which the last fails */
static const char *const four[] = {NULL, TO_2, TO_3, "CREATE TABLE a(b)",
                                   "CREATE TABLE c(d); CREATE TABLE c(d)"};

static char dir[] = "/tmp/execdm-migrate.XXXXXX";

static void add_job(struct store *s)
{
    struct err err = {0};
    struct job j = {.id = "00000000-0000-7000-8000-000000000001",
                    .platform = "lab",
                    .driver = "local",
                    .doc = json_object()};
    ok(store_begin(s, true, &err) == 0 && store_job_add(s, &j, "owner", NULL, &err) == 0 &&
           store_commit(s, &err) == 0,
       "a job is accepted by the first version");
    json_decref(j.doc);
}

static void has_job(struct store *s, const char *name)
{
    struct err err = {0};
    own(job_fini) struct job j = {0};
    ok(store_job_get(s, "00000000-0000-7000-8000-000000000001", &j, &err) == 0, name);
}

static void test_steps(void)
{
    struct err err = {0};
    own(store_close) struct store s = {.lock = -1};
    own(store_close) struct store other = {.lock = -1};
    ok(store_open(&s, &err) == 0 && store_open(&other, &err) == 0, "a new store");
    add_job(&s);
    ok(db_migrate(&s, two, 1, &err) == 0, "one of this version is left alone");
    ok(db_migrate(&s, two, 2, &err) == 0, "from 1 to 2");
    has_job(&s, "the job is still there");
    ok(db_migrate(&other, two, 2, &err) == 0, "another process finds it done");
    ok(db_migrate(&s, broken, 3, &err) < 0, "a step that fails");
    has_job(&s, "has changed nothing");
    ok(db_migrate(&other, three, 3, &err) == 0, "not even by half: the next may be taken");
    ok(db_migrate(&s, four, 5, &err) < 0, "of two steps the second fails");
    ok(db_migrate(&s, four, 4, &err) == 0, "and the first was not kept either");
    has_job(&s, "the job has come all the way");
    err = (struct err){0};
    ok(db_migrate(&s, two, 2, &err) < 0 && err.code == CODE_CONFIG, "a newer one is refused");
    ok(strstr(err.text, "of version 4,") && strstr(err.text, "up to 2"), err.text);
}

static void test_newer(void)
{
    struct err err = {0};
    struct store s = {.lock = -1};
    ok(store_open(&s, &err) < 0 && err.code == CODE_CONFIG, "so do the programs");
    ok(strstr(err.text, "of version 4, written by a newer execdm; this one knows versions up to 1"),
       err.text);
}

static void clean(void)
{
    static const char *const names[] = {"execdm.db", "execdm.db-wal", "execdm.db-shm", "lock",
                                        "wake"};
    char path[100];
    for (size_t i = 0; i < COUNT(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        unlink(path);
    }
    rmdir(dir);
}

int main(void)
{
    if (!ok(mkdtemp(dir) && setenv("EXECDM_STATE", dir, 1) == 0, "a place for it"))
        return tap_end();
    test_steps();
    test_newer();
    clean();
    return tap_end();
}
