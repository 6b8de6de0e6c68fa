#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include "host/clock.h"
#include "host/path.h"
#include "supervisor.h"

#define SAMPLE_MS 50
#define TOLD_MAX 256

/* The key has the end of the line before it, which the name of a program cannot have: that comes
 * first, and is the program's to choose. */
static int64_t read_kib(int dir, const char *pid, const char *file, const char *key)
{
    char text[4096];
    own(str_fini) char *path = str_print("%s/%s", pid, file);
    own(fd_fini) int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (n <= 0)
        return -1;
    text[n] = '\0';
    char *at = strstr(text, key);
    return at ? strtoll(at + strlen(key), NULL, 10) : -1;
}

/* Once the program runs, the sandbox has a /proc of its own, which shows its processes and no
 * others. VmRSS counts shared pages once per process, so only a sum that seems too large is worth
 * the exact look (Pss). */
static int64_t sum_memory(pid_t child, const char *file, const char *key)
{
    own(str_fini) char *path = str_print("/proc/%ld/root/proc", (long)child);
    DIR *dir = opendir(path);
    struct dirent *e;
    int64_t sum = 0;
    while (dir && (e = readdir(dir))) {
        if (e->d_name[0] < '1' || e->d_name[0] > '9')
            continue;
        int64_t kib = read_kib(dirfd(dir), e->d_name, file, key);
        sum += kib > 0 ? kib * 1024 : 0;
    }
    if (dir)
        closedir(dir);
    return sum;
}

static int64_t rough_memory(pid_t child)
{
    return child > 0 ? sum_memory(child, "status", "\nVmRSS:") : 0;
}

static int64_t exact_memory(pid_t child)
{
    return sum_memory(child, "smaps_rollup", "\nPss:");
}

static void learn_child(struct watch *w)
{
    char text[512];
    ssize_t n = read(w->info, text, sizeof(text));
    if (n > 0)
        buf_add(&w->info_text, text, (size_t)n);
    else
        fd_fini(&w->info);
    const char *at = w->info_text.len ? strstr(w->info_text.bytes, "\"child-pid\":") : NULL;
    if (at)
        w->child = (pid_t)strtol(at + 12, NULL, 10);
    if (at && w->childfd < 0)
        w->childfd = (int)syscall(SYS_pidfd_open, w->child, 0);
}

/* Output goes to the file up to the limit; what is beyond it, or finds no room, is counted.
 * False: nothing was there. */
static bool copy_output(struct watch *w, int i)
{
    char chunk[65536];
    ssize_t n = read(w->out[i], chunk, sizeof(chunk));
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return false;
    if (n <= 0) {
        fd_fini(&w->out[i]);
        return false;
    }
    int64_t room = OUTPUT_MAX - w->written[i];
    int64_t keep = n < room ? n : room;
    if (keep > 0 && fd_write(w->files[i], chunk, (size_t)keep) < 0)
        keep = 0;
    w->written[i] += keep;
    w->dropped[i] += n - keep;
    return true;
}

/* Without limits its cgroup is that of others, too, who may have run out. */
static bool ran_out(const struct watch *w)
{
    return w->container->engine->limits && container_ran_out(w->child);
}

/* execdm-init has opened its FIFO, and starts the program when nobody else can. */
static void close_fifo(struct watch *w)
{
    if (fchmod(w->init, 0) < 0)
        fd_fini(&w->init); /* which ends it */
    w->closed = true;
    buf_fini(&w->told);
}

/* Has execdm-init said how it ended? */
static bool is_told(const struct buf *told)
{
    return told->len && told->bytes[told->len - 1] == '\n' && strchr(told->bytes, ' ');
}

/* Once it runs, its process id is there. At its end execdm-init waits until we let go of the FIFO,
 * so that its cgroup is still there to be asked. */
static void learn_container(struct watch *w)
{
    if (w->running && w->child <= 0 && (w->child = container_pid(w->container)) > 0)
        w->childfd = (int)syscall(SYS_pidfd_open, w->child, 0);
    if (is_told(&w->told)) {
        w->ran_out = ran_out(w);
        fd_fini(&w->init);
    }
}

static void learn_end(struct watch *w)
{
    char text[256];
    ssize_t n = read(w->init, text, sizeof(text));
    if (n <= 0)
        fd_fini(&w->init);
    else if (w->told.len < TOLD_MAX) /* a task can reach this pipe; it shall not fill us */
        buf_add(&w->told, text, (size_t)n);
    if (w->container && !w->closed && str_same(w->told.bytes, "here\n"))
        close_fifo(w);
    w->running = w->told.len && str_begins(w->told.bytes, "run\n");
    if (w->container)
        learn_container(w);
}

/* The engine is done with it: all it wrote is in the pipes, which a process of the engine's holds
 * open for a while; and a FIFO that nobody has opened has no end. */
static void end_container(struct watch *w)
{
    if (w->init >= 0)
        learn_end(w);
    fd_fini(&w->init);
    if (w->childfd >= 0)
        poll(&(struct pollfd){w->childfd, POLLIN, 0}, 1, -1);
    for (int i = 0; i < 2; i++) {
        if (w->out[i] >= 0)
            fcntl(w->out[i], F_SETFL, O_NONBLOCK);
        while (w->out[i] >= 0 && copy_output(w, i))
            ;
        fd_fini(&w->out[i]);
    }
}

static bool signal_program(const struct watch *w, int sig)
{
    if (w->container)
        return container_signal(w->container, w->childfd, sig);
    return w->child > 0 && kill(w->child, sig) == 0;
}

/* Suspended or let go on, once the program runs: execdm-init does it. The file says it after it is
 * so, and no longer before it is not. The limit of time goes on: it is of real time (UWS 1.1), and
 * the slot that was booked is no longer for others. */
static void pause_program(struct watch *w, bool stop)
{
    struct err ignored;
    if (!w->running || (w->child <= 0 && !w->container) || w->stopped == stop ||
        (stop && w->reason))
        return;
    if (!stop)
        unlink(w->suspended);
    if (!signal_program(w, stop ? SIGTSTP : SIGCONT))
        return;
    if (stop)
        path_write(w->suspended, "", 0, 0600, &ignored);
    w->stopped = stop;
}

static void hear(struct watch *w)
{
    char c;
    while (read(w->control, &c, 1) == 1) {
        if (c == 'T' && !w->reason)
            w->reason = "killed";
        if (c == 'S' || c == 'R')
            pause_program(w, c == 'S');
    }
}

/* Files in /tmp and /dev/shm are memory, too. */
static int64_t file_memory(pid_t child)
{
    static const char *const places[] = {"tmp", "dev"};
    int64_t sum = 0;
    for (size_t i = 0; i < COUNT(places); i++) {
        struct statvfs fs;
        own(str_fini) char *path = str_print("/proc/%ld/root/%s", (long)child, places[i]);
        if (statvfs(path, &fs) == 0)
            sum += (int64_t)(fs.f_blocks - fs.f_bfree) * (int64_t)fs.f_frsize;
    }
    return sum;
}

static int64_t used_memory(const struct watch *w)
{
    const int64_t counted = cgroup_memory(&w->group);
    if (counted >= 0)
        return counted;
    const int64_t files = file_memory(w->child), used = files + rough_memory(w->child);
    return w->memory && used > w->memory ? files + exact_memory(w->child) : used;
}

/* When the kernel ended one of its processes for want of memory, the others end, too: they wait for
 * one that is gone, or go on without. */
static void sample(struct watch *w)
{
    const int64_t used = used_memory(w);
    const bool full =
        (w->container ? ran_out(w) : cgroup_ran_out(&w->group)) || (w->memory && used > w->memory);
    if (used > w->peak)
        w->peak = used;
    if (full && !w->reason)
        w->reason = "memlimit";
    if (!w->reason && disk_full(&w->disk, w->child))
        w->reason = "disklimit";
}

/* Memory and disk cannot wait for grace; time and the owner can. */
static void enforce(struct watch *w, int64_t *kill_at)
{
    if (!w->reason)
        return;
    int64_t now = clock_boot();
    const bool greedy = str_same(w->reason, "memlimit") || str_same(w->reason, "disklimit");
    const bool hard = greedy || (*kill_at && now >= *kill_at);
    if (hard && w->container) {
        fd_fini(&w->init); /* execdm-init ends, and with it all */
        *kill_at = *kill_at ? *kill_at : now;
        if (now >= *kill_at + GRACE_MS)
            kill(w->pid, SIGKILL); /* what is left is removed then */
    } else if (hard) {
        if (w->childfd >= 0)
            syscall(SYS_pidfd_send_signal, w->childfd, SIGKILL, NULL, 0);
        kill(w->pid, SIGKILL); /* dies with it: --die-with-parent */
    } else if (!*kill_at) {
        pause_program(w, false);
        if (!w->running || !signal_program(w, SIGTERM))
            kill(w->child > 0 && !w->container ? w->child : w->pid, SIGTERM);
        *kill_at = now + GRACE_MS;
    }
}

/* Not so when somebody asked its whole tree to end, as a batch system does. */
static bool ended_by_itself(const struct watch *w)
{
    const char *end = w->told.len ? strchr(w->told.bytes, ' ') : NULL;
    return end && strtol(end, NULL, 10) != SIGTERM;
}

void watch_run(struct watch *w)
{
    int64_t begin = clock_boot(), kill_at = 0, next_sample = begin;
    own(fd_fini) int ended = (int)syscall(SYS_pidfd_open, w->pid, 0);
    bool over = false;
    while (!over || w->out[0] >= 0 || w->out[1] >= 0 || w->init >= 0) {
        struct pollfd fds[] = {
            {over ? -1 : ended, POLLIN, 0}, {w->out[0], POLLIN, 0},
            {w->out[1], POLLIN, 0},         {w->init, POLLIN, 0},
            {w->info, POLLIN, 0},           {over ? -1 : w->control, POLLIN, 0},
        };
        poll(fds, COUNT(fds), over ? 2000 : SAMPLE_MS);
        if (over && !fds[1].revents && !fds[2].revents && !fds[3].revents)
            break; /* someone outside holds the pipe open */
        if (fds[4].revents)
            learn_child(w);
        if (fds[1].revents)
            copy_output(w, 0);
        if (fds[2].revents)
            copy_output(w, 1);
        if (fds[3].revents)
            learn_end(w);
        if (fds[5].revents)
            hear(w);
        over |= fds[0].revents != 0;
        if (over && w->container)
            end_container(w);
        int64_t now = clock_boot();
        if (w->wall_ms && now - begin > w->wall_ms && !w->reason && !over)
            w->reason = "timelimit";
        if (w->running && now >= next_sample && !over) {
            sample(w);
            next_sample = now + SAMPLE_MS;
        }
        if (!over)
            enforce(w, &kill_at);
    }
    if (!w->reason && !ended_by_itself(w))
        hear(w); /* it was killed with the sandbox, and we were told to end it as well */
    /* only then is the whole tree gone; bubblewrap itself goes before the processes it started */
    if (w->childfd >= 0)
        poll(&(struct pollfd){w->childfd, POLLIN, 0}, 1, -1);
    fd_fini(&w->childfd);
    disk_fini(&w->disk);
    unlink(w->suspended);
}
