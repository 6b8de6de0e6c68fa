#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "host/clock.h"
#include "host/path.h"
#include "host/spawn.h"

#define FIXED_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define ERRORS_MAX 65536

extern char **environ;

char *const *spawn_environment(void)
{
    static const char *const kept[] = {
        "HOME=",           "EXECDM_",      "http_proxy=",   "https_proxy=",
        "no_proxy=",       "HTTPS_PROXY=", "NO_PROXY=",     "SSL_CERT_",
        "CURL_CA_BUNDLE=", "TMPDIR=",      "ASAN_OPTIONS=", "UBSAN_OPTIONS=",
        "LSAN_OPTIONS=",   "XDG_",
    };
    static struct strs made;
    if (made.n)
        return made.list;
    strs_add(&made, "PATH=" FIXED_PATH);
    strs_add(&made, "LANG=C.UTF-8");
    strs_add(&made, "TZ=UTC");
    for (char **e = environ; e && *e; e++)
        for (size_t i = 0; i < COUNT(kept); i++)
            if (str_begins(*e, kept[i]))
                strs_add(&made, *e);
    return made.list;
}

static char *executable_in(const char *dirs, const char *name)
{
    while (dirs && *dirs) {
        size_t n = strcspn(dirs, ":");
        own(str_fini) char *path = str_print("%.*s/%s", (int)n, dirs, name);
        if (*dirs == '/' && access(path, X_OK) == 0)
            return move(path);
        dirs += n;
        dirs += *dirs == ':';
    }
    return NULL;
}

char *spawn_find_tool(const char *name)
{
    return executable_in(FIXED_PATH, name);
}

char *spawn_find_driver(const char *name)
{
    own(str_fini) char *file = str_print("execdm-driver-%s", name);
    char *path = executable_in(getenv("EXECDM_DRIVER_PATH"), file);
    return path ? path : executable_in(PKGLIBEXECDIR, file);
}

char *spawn_find_program(const char *name)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (n > 0) {
        self[n] = '\0';
        *strrchr(self, '/') = '\0';
        char *path = executable_in(self, name);
        if (path)
            return path;
    }
    return executable_in(BINDIR, name);
}

void spawn_default_signals(void)
{
    sigset_t none;
    const char zero[64] = {0}; /* a struct sigaction of the kernel's that says SIG_DFL */
    for (int sig = 1; sig < NSIG; sig++)
        syscall(SYS_rt_sigaction, sig, zero, NULL, 8); /* signal() leaves out two of glibc's own */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void child(const struct spawn *s, pid_t parent, int in, int out, int errors)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) /* it died before we asked to die with it */
        _exit(127);
    setpgid(0, 0); /* Ctrl-C is for us to handle */
    spawn_default_signals();
    dup2(in, 0);
    dup2(out, 1);
    dup2(errors, 2);
    close_range(3, ~0U, CLOSE_RANGE_CLOEXEC); /* also what we were started with */
    if (s->exec)
        s->exec(s->exec_context);
    execve(s->argv[0], s->argv, spawn_environment());
    _exit(127);
}

struct pipes {
    int in[2], out[2], errors[2];
};

static void close_all(struct pipes *p)
{
    int *fds = p->in;
    for (size_t i = 0; i < sizeof(*p) / sizeof(int); i++)
        fd_fini(&fds[i]);
}

static void fd_take_lines(struct spawn *s, bool last)
{
    size_t from = 0;
    for (size_t i = 0; i < s->out.len; i++) {
        if (s->out.bytes[i] != '\n')
            continue;
        s->out.bytes[i] = '\0';
        s->on_line(s->context, s->out.bytes + from, i - from);
        from = i + 1;
    }
    if (last && from < s->out.len) {
        s->on_line(s->context, s->out.bytes + from, s->out.len - from);
        from = s->out.len;
    }
    if (from) {
        memmove(s->out.bytes, s->out.bytes + from, s->out.len - from + 1);
        s->out.len -= from;
    }
}

/* Reads what is there; false at the end of the pipe. */
static bool drain(struct spawn *s, int fd, bool errors)
{
    char chunk[65536];
    ssize_t n = read(fd, chunk, sizeof(chunk));
    if (n < 0)
        return errno == EINTR || errno == EAGAIN;
    struct buf *b = errors ? &s->errors : &s->out;
    buf_add(b, chunk, (size_t)n);
    if (errors && b->len > ERRORS_MAX) {
        memmove(b->bytes, b->bytes + b->len - ERRORS_MAX, ERRORS_MAX + 1);
        b->len = ERRORS_MAX;
    }
    if (!errors && s->on_line)
        fd_take_lines(s, n == 0);
    return n > 0;
}

/* Feeds input, collects output, until both pipes are closed or it has to be ended. */
static void converse(struct spawn *s, struct pipes *p, pid_t pid, bool *flooded)
{
    size_t fed = 0, len = s->input ? strlen(s->input) : 0;
    int64_t deadline = s->deadline_ms ? clock_boot() + s->deadline_ms : 0;
    int64_t ending = 0;
    int sig = SIGTERM;
    size_t limit = s->output_max ? s->output_max : 64u << 20;
    while (p->out[0] >= 0 || p->errors[0] >= 0) {
        if (fed == len)
            fd_fini(&p->in[1]);
        struct pollfd fds[] = {
            {p->in[1], POLLOUT, 0}, {p->out[0], POLLIN, 0}, {p->errors[0], POLLIN, 0}};
        poll(fds, COUNT(fds), 200);
        if (fds[0].revents) {
            ssize_t n = write(p->in[1], s->input + fed, len - fed);
            fed = n > 0 ? fed + (size_t)n : errno == EAGAIN || errno == EINTR ? fed : len;
        }
        if (fds[1].revents && !drain(s, p->out[0], false))
            fd_fini(&p->out[0]);
        if (fds[2].revents && !drain(s, p->errors[0], true))
            fd_fini(&p->errors[0]);
        *flooded |= s->out.len > limit;
        s->timed_out |= deadline && clock_boot() > deadline;
        s->stopped |= !ending && s->stop && s->stop(s->context);
        if ((*flooded || s->timed_out || s->stopped) && clock_boot() > ending) {
            kill(-pid, sig);
            ending = clock_boot() + 3000;
            sig = SIGKILL;
        }
    }
}

int spawn_run(struct spawn *s, struct err *err)
{
    own(close_all) struct pipes p = {{-1, -1}, {-1, -1}, {-1, -1}};
    bool flooded = false;
    if (!s->exec && access(s->argv[0], X_OK) < 0) {
        err_sys(err, "cannot run %s", s->argv[0]);
        err->code = CODE_UNAVAIL;
        return -1;
    }
    if (pipe2(p.in, O_CLOEXEC) < 0 || pipe2(p.out, O_CLOEXEC) < 0 || pipe2(p.errors, O_CLOEXEC) < 0)
        return err_sys(err, "cannot make a pipe");
    signal(SIGCHLD, SIG_DFL); /* ignored by our parent, it would swallow the exit status */
    pid_t parent = getpid(), pid = fork();
    if (pid < 0)
        return err_sys(err, "cannot start %s", s->argv[0]);
    if (pid == 0)
        child(s, parent, p.in[0], p.out[1], p.errors[1]);
    setpgid(pid, pid);
    fd_fini(&p.in[0]);
    fd_fini(&p.out[1]);
    fd_fini(&p.errors[1]);
    fcntl(p.in[1], F_SETFL, O_NONBLOCK);
    converse(s, &p, pid, &flooded);
    while (waitpid(pid, &s->status, 0) < 0 && errno == EINTR)
        if (s->stop && s->stop(s->context))
            kill(-pid, SIGKILL);
    if (s->timed_out)
        return err_set(err, CODE_TEMP, "%s did not end within %lld s", s->argv[0],
                       (long long)s->deadline_ms / 1000);
    if (flooded)
        return err_set(err, CODE_PROTO, "%s wrote more than it should", s->argv[0]);
    return WIFEXITED(s->status) ? WEXITSTATUS(s->status) : 128 + WTERMSIG(s->status);
}

void spawn_fini(struct spawn *s)
{
    buf_fini(&s->out);
    buf_fini(&s->errors);
}

const char *spawn_last_error(struct spawn *s)
{
    if (!s->errors.len)
        return "";
    while (s->errors.len && s->errors.bytes[s->errors.len - 1] == '\n')
        s->errors.bytes[--s->errors.len] = '\0';
    char *line = strrchr(s->errors.bytes, '\n');
    return line ? line + 1 : s->errors.bytes;
}
