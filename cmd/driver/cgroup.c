#include "cgroup.h"
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include "host/path.h"
#include "text/buf.h"

#define PERIOD_US 100000 /* of the quota of processor time, the kernel's own */
#define LEAF "execdm"    /* where version 2 wants us: a group with groups in it holds no process */
#define PROBE "execdm-probe-"
#define TRIES 100 /* and 5 ms between them: what was killed takes a moment to be gone */

/* --- what there is in the two versions --- */

/* Of version 2 every group counts the time. */
static const struct {
    const char *one, *two; /* names of the controllers */
    const char *limit;     /* what the protocol calls it; NULL: it only counts */
} controllers[CONTROLS] = {
    [CONTROL_MEMORY] = {"memory", "memory", "memory"},
    [CONTROL_CORES] = {"cpu", "cpu", "cores"},
    [CONTROL_PROCESSES] = {"pids", "pids", "processes"},
    [CONTROL_TIME] = {"cpuacct", NULL, NULL},
};

enum amount { MEMORY, NO_SWAP, WHOLE_GROUP, QUOTA, SHARES, WEIGHT, PROCESSES };

/* In this order: in version 1 memory with swap cannot be less than memory. */
static const struct setting {
    enum control control;
    bool two;
    const char *file;
    enum amount amount;
    bool needed; /* else it is not there on every machine, and does not make the limit */
} settings[] = {
    {CONTROL_MEMORY, false, "memory.limit_in_bytes", MEMORY, true},
    {CONTROL_MEMORY, false, "memory.memsw.limit_in_bytes", MEMORY, false},
    {CONTROL_MEMORY, true, "memory.max", MEMORY, true},
    {CONTROL_MEMORY, true, "memory.swap.max", NO_SWAP, false},
    {CONTROL_MEMORY, true, "memory.oom.group", WHOLE_GROUP, false},
    {CONTROL_CORES, false, "cpu.cfs_quota_us", QUOTA, true},
    {CONTROL_CORES, false, "cpu.shares", SHARES, false},
    {CONTROL_CORES, true, "cpu.max", QUOTA, true},
    {CONTROL_CORES, true, "cpu.weight", WEIGHT, false},
    {CONTROL_PROCESSES, false, "pids.max", PROCESSES, true},
    {CONTROL_PROCESSES, true, "pids.max", PROCESSES, true},
};

static int64_t amount_of(enum amount what, const struct cgroup_limits *l)
{
    const int64_t weight = l->cores / 10; /* 100 is a core, as it is for who says nothing */
    switch (what) {
    case MEMORY:
        return l->memory;
    case QUOTA:
        return l->maxcores * (PERIOD_US / 1000);
    case SHARES:
        return l->cores * 1024 / 1000;
    case WEIGHT:
        return weight > 10000 ? 10000 : weight;
    case PROCESSES:
        return l->processes;
    case WHOLE_GROUP:
        return 1;
    case NO_SWAP:
        break;
    }
    return 0;
}

/* --- the files --- */

/* The caller frees; NULL: it cannot be read. */
static char *read_file(const char *path)
{
    struct buf b = {0};
    char chunk[4096];
    ssize_t n;
    own(fd_fini) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    while ((n = read(fd, chunk, sizeof(chunk))) > 0)
        buf_add(&b, chunk, (size_t)n);
    return b.len ? buf_take(&b) : str_new("");
}

static char *read_text(const char *dir, const char *file)
{
    own(str_fini) char *path = str_print("%s/%s", dir, file);
    return read_file(path);
}

/* 0, or -1 with errno. Each write is a request of its own, so it goes in one piece. */
static int write_text(const char *dir, const char *file, const char *text)
{
    own(str_fini) char *path = str_print("%s/%s", dir, file);
    own(fd_fini) int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd >= 0 && write(fd, text, strlen(text)) >= 0 ? 0 : -1;
}

/* The number behind `key` at the beginning of a line; an empty key: the first one. -1: none. */
static int64_t number_in(const char *text, const char *key)
{
    const size_t n = strlen(key);
    for (const char *line = text; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, n) == 0 && (n == 0 || line[n] == ' '))
            return strtoll(line + n, NULL, 10);
    }
    return -1;
}

static bool has_word(const char *list, const char *word, const char *separators)
{
    const size_t n = strlen(word);
    for (const char *at = list; at && *at;) {
        const size_t length = strcspn(at, separators);
        if (length == n && strncmp(at, word, n) == 0)
            return true;
        at += length + (at[length] != '\0');
    }
    return false;
}

/* --- where --- */

/* Our own group in the hierarchy of a controller, NULL that of version 2. The caller frees. */
static char *own_group(const char *controller)
{
    own(str_fini) char *text = read_file("/proc/self/cgroup");
    for (char *line, *rest = text; (line = strsep(&rest, "\n"));) {
        char *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL;
        if (!path)
            continue;
        *path = '\0';
        if (controller ? has_word(names + 1, controller, ",") : str_begins(line, "0:"))
            return str_new(path + 1);
    }
    return NULL;
}

/* Where the hierarchy is mounted, and what of it. */
struct mounted {
    char *root, *dir;
};

static void mounted_fini(struct mounted *m)
{
    free(m->root);
    free(m->dir);
}

static bool find_mount(struct mounted *m, const char *controller)
{
    own(str_fini) char *text = read_file("/proc/self/mountinfo");
    for (char *line, *rest = text; (line = strsep(&rest, "\n"));) {
        char root[1024], dir[1024], type[32], options[1024];
        const char *end = strstr(line, " - ");
        if (!end || sscanf(line, "%*s %*s %*s %1023s %1023s", root, dir) != 2 ||
            sscanf(end, " - %31s %*s %1023s", type, options) != 2)
            continue;
        if (controller ? str_same(type, "cgroup") && has_word(options, controller, ",")
                       : str_same(type, "cgroup2")) {
            *m = (struct mounted){str_new(root), str_new(dir)};
            return true;
        }
    }
    return false;
}

/* The directory of the group to make ours in. The caller frees; NULL: there is none. */
static char *place_in(const char *controller, const char *place)
{
    own(mounted_fini) struct mounted m = {0};
    own(str_fini) char *group = place ? str_new(place) : own_group(controller);
    if (!group || *group != '/' || !find_mount(&m, controller))
        return NULL;
    const size_t n = str_same(m.root, "/") ? 0 : strlen(m.root);
    if (n && (strncmp(group, m.root, n) != 0 || (group[n] && group[n] != '/')))
        return NULL;
    const char *below = group + n;
    return str_print("%s%s", m.dir, str_same(below, "/") ? "" : below);
}

/* --- version 2: a group that hands its controllers down --- */

/* Was it given to somebody, with what is below it? systemd says so; and a directory that is an
 * ordinary user's own was given by somebody. */
static bool is_given(const char *dir)
{
    static const char *const names[] = {"trusted.delegate", "user.delegate"};
    struct stat st;
    char value[8];
    for (size_t i = 0; i < COUNT(names); i++)
        if (getxattr(dir, names[i], value, sizeof(value)) == 1 && *value == '1')
            return true;
    return geteuid() != 0 && stat(dir, &st) == 0 && st.st_uid == geteuid();
}

/* Given to us, then: there is nobody else in it. */
static bool is_ours(const char *dir)
{
    own(str_fini) char *processes = read_text(dir, "cgroup.procs");
    for (char *pid, *rest = processes; (pid = strsep(&rest, "\n"));) {
        struct stat st;
        own(str_fini) char *path = str_print("/proc/%s", pid);
        if (*pid && stat(path, &st) == 0 && st.st_uid != geteuid())
            return false;
    }
    return processes && is_given(dir);
}

static bool hand_down(const char *dir, const char *controller)
{
    own(str_fini) char *now = read_text(dir, "cgroup.subtree_control");
    own(str_fini) char *word = str_print("+%s", controller);
    return has_word(now, controller, " \n") || write_text(dir, "cgroup.subtree_control", word) == 0;
}

/* Every process of the group goes into a leaf of it. */
static void make_room(const char *dir)
{
    own(str_fini) char *leaf = str_print("%s/" LEAF, dir);
    own(str_fini) char *processes = read_text(dir, "cgroup.procs");
    if (mkdir(leaf, 0755) < 0 && errno != EEXIST)
        return;
    for (char *pid, *rest = processes; (pid = strsep(&rest, "\n"));)
        if (*pid)
            write_text(leaf, "cgroup.procs", pid);
}

/* Has it processes of its own? Those at the top are in nobody's way. Controllers that are handed
 * down all the same, as some can be, leave groups below that nothing can be put into. */
static bool is_populated(const char *dir)
{
    own(str_fini) char *processes = read_text(dir, "cgroup.procs");
    own(str_fini) char *type = read_text(dir, "cgroup.type");
    return type && processes && *processes;
}

/* A group for our groups, in which `controller` can be had: its directory, or NULL. */
static char *place_in_two(const char *controller, const struct cgroup_place *place)
{
    own(str_fini) char *dir = place_in(NULL, place->group);
    char *slash = dir ? strrchr(dir, '/') : NULL;
    if (!slash)
        return NULL;
    if (!place->group && str_same(slash, "/" LEAF))
        *slash = '\0';
    else if (place->group &&
             mkdir(dir, 0755) == 0) { /* the site named it, and somebody has to make it */
        own(str_fini) char *above = str_print("%.*s", (int)(slash - dir), dir);
        for (size_t i = 0; i < CONTROLS; i++)
            if (controllers[i].two)
                hand_down(above, controllers[i].two);
    }
    own(str_fini) char *there = read_text(dir, "cgroup.controllers");
    if (!has_word(there, controller, " \n"))
        return NULL;
    for (int i = 0; i < 3; i++) { /* processes may come while others are moved away */
        if (is_populated(dir)) {
            if (place->settled || !is_ours(dir))
                return NULL;
            make_room(dir);
        }
        if (hand_down(dir, controller))
            return move(dir);
    }
    return NULL;
}

/* --- making --- */

/* Where each controller's group is to be; nothing is made yet. */
static void find_places(struct cgroup *g, const char *name, const struct cgroup_place *place)
{
    *g = (struct cgroup){0};
    for (size_t i = 0; i < CONTROLS; i++) {
        own(str_fini) char *one = place_in(controllers[i].one, place->group);
        own(str_fini) char *two =
            one || !controllers[i].two ? NULL : place_in_two(controllers[i].two, place);
        if (place->group && one && mkdir(one, 0755) < 0 && errno != EEXIST)
            continue;
        if (!one && !two)
            continue;
        g->dir[i] = str_print("%s/%s", one ? one : two, name);
        g->two[i] = !one;
    }
}

/* Is it the directory of an earlier one, too? */
static bool is_shared(const struct cgroup *g, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (str_same(g->dir[i], g->dir[j]))
            return true;
    return false;
}

/* Not synced: a machine that went down has no groups any more. */
static void note_dirs(const struct cgroup *g, const char *note)
{
    own(fd_fini) int fd = open(note, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    for (size_t i = 0; i < CONTROLS; i++)
        if (g->dir[i] && !is_shared(g, i))
            dprintf(fd, "%s\n", g->dir[i]);
}

/* False: a limit that was asked for is not kept. */
static bool apply(const struct cgroup *g, enum control control, const struct cgroup_limits *limits)
{
    for (size_t i = 0; i < COUNT(settings); i++) {
        const struct setting *s = &settings[i];
        if (s->control != control || s->two != g->two[control])
            continue;
        const int64_t amount = amount_of(s->amount, limits);
        own(str_fini) char *text = str_print("%lld", (long long)amount);
        if (amount == 0 && s->amount != NO_SWAP)
            continue;
        if (write_text(g->dir[control], s->file, text) < 0 && s->needed)
            return false;
    }
    return true;
}

void cgroup_make(struct cgroup *g, const char *name, const struct cgroup_place *place,
                 const struct cgroup_limits *limits, const char *note)
{
    find_places(g, name, place);
    if (note)
        note_dirs(g, note);
    for (size_t i = 0; i < CONTROLS; i++) {
        const bool made = g->dir[i] && (mkdir(g->dir[i], 0755) == 0 || errno == EEXIST);
        if (g->dir[i] && (!made || !apply(g, i, limits))) {
            if (made && !is_shared(g, i))
                rmdir(g->dir[i]);
            str_fini(&g->dir[i]);
        }
    }
}

/* The directory may be that of several controllers. */
static void leave_out(struct cgroup *g, size_t i)
{
    own(str_fini) char *dir = str_new(g->dir[i]);
    rmdir(dir);
    for (; i < CONTROLS; i++)
        if (str_same(g->dir[i], dir))
            str_fini(&g->dir[i]);
}

void cgroup_enter(struct cgroup *g, pid_t pid)
{
    own(str_fini) char *number = str_print("%ld", (long)pid);
    for (size_t i = 0; i < CONTROLS; i++)
        if (g->dir[i] && !is_shared(g, i) && write_text(g->dir[i], "cgroup.procs", number) < 0)
            leave_out(g, i);
}

/* --- what it says --- */

int64_t cgroup_memory(const struct cgroup *g)
{
    const bool two = g->two[CONTROL_MEMORY];
    if (!g->dir[CONTROL_MEMORY])
        return -1;
    own(str_fini) char *text = read_text(g->dir[CONTROL_MEMORY], "memory.stat");
    const int64_t anonymous = number_in(text, two ? "anon" : "total_rss");
    const int64_t shared = number_in(text, two ? "shmem" : "total_shmem");
    return anonymous < 0 ? -1 : anonymous + (shared > 0 ? shared : 0);
}

int64_t cgroup_cpu(const struct cgroup *g)
{
    for (size_t i = 0; i < CONTROLS; i++) {
        const bool one = i == CONTROL_TIME && !g->two[i];
        if (!g->dir[i] || !(g->two[i] || one))
            continue;
        own(str_fini) char *text = read_text(g->dir[i], one ? "cpuacct.usage" : "cpu.stat");
        const int64_t n = number_in(text, one ? "" : "usage_usec");
        return n < 0 ? -1 : n / (one ? 1000000 : 1000);
    }
    return -1;
}

bool cgroup_ran_out(const struct cgroup *g)
{
    if (!g->dir[CONTROL_MEMORY])
        return false;
    own(str_fini) char *text = read_text(
        g->dir[CONTROL_MEMORY], g->two[CONTROL_MEMORY] ? "memory.events" : "memory.oom_control");
    return number_in(text, "oom_kill") > 0;
}

/* --- the end --- */

/* With whatever is in it. Where one write does not end all, nothing new begins while the list is
 * gone through: that of processes is the first. */
static bool remove_dir(const char *dir)
{
    for (int i = 0; i < TRIES; i++) {
        if (rmdir(dir) == 0)
            return true;
        if (errno != EBUSY)
            return !path_exists(dir);
        if (write_text(dir, "cgroup.kill", "1") < 0) {
            write_text(dir, "pids.max", "0");
            own(str_fini) char *processes = read_text(dir, "cgroup.procs");
            for (char *pid, *rest = processes; (pid = strsep(&rest, "\n"));)
                if (*pid)
                    kill((pid_t)strtol(pid, NULL, 10), SIGKILL);
        }
        usleep(5000);
    }
    return false;
}

bool cgroup_remove(struct cgroup *g)
{
    bool gone = true;
    for (size_t i = 0; i < CONTROLS; i++) {
        gone &= !g->dir[i] || remove_dir(g->dir[i]);
        str_fini(&g->dir[i]);
    }
    return gone;
}

bool cgroup_sweep(const char *note, const char *name)
{
    bool gone = true;
    own(str_fini) char *text = read_file(note);
    for (char *dir, *rest = text; (dir = strsep(&rest, "\n"));) {
        const char *last = strrchr(dir, '/');
        if (last && name && str_same(last + 1, name))
            gone &= remove_dir(dir);
    }
    if (gone)
        unlink(note);
    return gone;
}

/* Of probes that were ended themselves, and whose children the kernel has ended: nobody is in
 * there. */
static void remove_stale(const char *dir)
{
    own(str_fini) char *above = str_print("%.*s", (int)(strrchr(dir, '/') - dir), dir);
    DIR *names = opendir(above);
    for (struct dirent *e; names && (e = readdir(names));) {
        if (!str_begins(e->d_name, PROBE))
            continue;
        const pid_t pid = (pid_t)strtol(e->d_name + strlen(PROBE), NULL, 10);
        if (pid > 0 && kill(pid, 0) < 0 && errno == ESRCH)
            unlinkat(dirfd(names), e->d_name, AT_REMOVEDIR);
    }
    if (names)
        closedir(names);
}

static _Noreturn void wait_to_end(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (getppid() == parent)
        pause();
    _exit(0);
}

void cgroup_probe(const char *place, json_t *enforced, json_t *advisory)
{
    const struct cgroup_limits some = {
        .memory = 1 << 26, .cores = 1000, .maxcores = 1000, .processes = 64};
    struct cgroup g;
    const pid_t parent = getpid();
    own(str_fini) char *name = str_print(PROBE "%ld", (long)parent);
    cgroup_make(&g, name, &(struct cgroup_place){.group = place}, &some, NULL);
    for (size_t i = 0; i < CONTROLS; i++)
        if (g.dir[i] && !is_shared(&g, i))
            remove_stale(g.dir[i]);
    const pid_t pid = fork();
    if (pid == 0)
        wait_to_end(parent);
    if (pid > 0)
        cgroup_enter(&g, pid);
    for (size_t i = 0; i < CONTROLS; i++)
        if (controllers[i].limit)
            json_array_append_new(pid > 0 && g.dir[i] ? enforced : advisory,
                                  json_string(controllers[i].limit));
    if (pid > 0) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    cgroup_remove(&g);
}
