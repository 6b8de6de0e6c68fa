/* Groups that are refused, or that stay, by directories that are none (cmd/driver/cgroup.h). */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include "../../cmd/driver/cgroup.h"
#include "host/path.h"
#include "tap.h"

/* "DIR/NAME", into which a process may go or not. The caller frees. */
static char *make_group(const char *dir, const char *name, bool open)
{
    struct err err;
    char *group = str_print("%s/%s", dir, name);
    own(str_fini) char *file = str_print("%s/cgroup.procs", group);
    ok(mkdir(group, 0700) == 0 && (!open || path_write(file, "", 0, 0600, &err) == 0), name);
    return group;
}

static void test_refused(const char *dir)
{
    struct cgroup g = {.dir = {[CONTROL_PROCESSES] = make_group(dir, "pids", true),
                               [CONTROL_MEMORY] = make_group(dir, "memory", false)}};
    g.dir[CONTROL_CORES] = str_new(g.dir[CONTROL_MEMORY]);
    own(str_fini) char *closed = str_new(g.dir[CONTROL_MEMORY]);
    const pid_t pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    cgroup_enter(&g, pid);
    ok(g.dir[CONTROL_PROCESSES] != NULL, "a group that takes the process keeps it");
    ok(!g.dir[CONTROL_MEMORY] && !g.dir[CONTROL_CORES] && !path_exists(closed),
       "one that does not is left out, for all its controllers");
    ok(waitpid(pid, NULL, WNOHANG) == 0, "and the process lives");
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    ok(!cgroup_remove(&g), "a group that cannot be removed is told");
}

static void test_sweep(const char *dir)
{
    struct err err;
    own(str_fini) char *note = str_print("%s/note", dir);
    own(str_fini) char *group = make_group(dir, "stamp", true);
    own(str_fini) char *file = str_print("%s/cgroup.procs", group);
    own(str_fini) char *text = str_print("%s\n%s/gone/stamp\n", group, dir);
    ok(path_write(note, text, strlen(text), 0600, &err) == 0, "a note");
    ok(!cgroup_sweep(note, "stamp") && path_exists(note), "stays while a group stays");
    unlink(file);
    ok(cgroup_sweep(note, "stamp") && !path_exists(note) && !path_exists(group),
       "and goes with it");
}

int main(void)
{
    char dir[] = "cgroup.XXXXXX";
    struct err err;
    if (!ok(mkdtemp(dir) != NULL, "a directory"))
        return tap_end();
    test_refused(dir);
    test_sweep(dir);
    path_remove(dir, &err);
    return tap_end();
}
