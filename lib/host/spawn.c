#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "host/clock.h"
#include "host/path.h"
#include "host/spawn.h"

#define FIXED_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define ERRORS_MAX 65536
#define LATE_MS 1000 /* to take in what was written while nobody read */

extern char **environ;

char *const *spawn_environment(void)
{
    static const char *const kept[] = {
        "HOME=",
        "EXECDM_",
        "http_proxy=",
        "https_proxy=",
        "no_proxy=",
        "HTTPS_PROXY=",
        "NO_PROXY=",
        "SSL_CERT_",
        "CURL_CA_BUNDLE=",
        "TMPDIR=",
        "ASAN_OPTIONS=",
        "UBSAN_OPTIONS=",
        "LSAN_OPTIONS=",
        "XDG_",
        /* where S3 is and where the keys to it are written, but no key */
        "AWS_PROFILE=",
        "AWS_REGION=",
        "AWS_DEFAULT_REGION=",
        "AWS_ENDPOINT_URL",
        "AWS_SHARED_CREDENTIALS_FILE=",
        "AWS_CONFIG_FILE=",
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
    char *path = executable_in(BINDIR, name);
    return path ? path : executable_in(PKGLIBEXECDIR, name);
}

char *spawn_find_stager(const char *name)
{
    char *path = executable_in(getenv("EXECDM_STAGE_PATH"), name);
    return path ? path : spawn_find_program(name);
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

static _Noreturn void child(const struct spawn *s, pid_t parent, int in, int secret, int out,
                            int errors)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) /* it died before we asked to die with it */
        _exit(127);
    setpgid(0, 0); /* Ctrl-C is for us to handle */
    spawn_default_signals();
    dup2(in, 0);
    dup2(out, 1);
    dup2(errors, 2);
    if (s->secret &&
        (secret == SPAWN_SECRET ? fcntl(secret, F_SETFD, 0) : dup2(secret, SPAWN_SECRET)) < 0)
        _exit(127);
    /* also what we were started with */
    fd_keep_none(s->secret ? SPAWN_SECRET + 1 : SPAWN_SECRET);
    if (s->exec)
        s->exec(s->exec_context);
    execve(s->argv[0], s->argv, s->kin ? environ : spawn_environment());
    _exit(127);
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

/* What it is to read, complete before it begins: nothing can wait for the other side. */
static int memory_file(const char *text, struct err *err)
{
    own(fd_fini) int fd = memfd_create("input", MFD_CLOEXEC);
    size_t len = text ? strlen(text) : 0;
    if (fd < 0)
        return err_sys(err, "cannot make a file in memory");
    for (size_t at = 0; at < len;) {
        ssize_t n = pwrite(fd, text + at, len - at, (off_t)at);
        if (n < 0 && errno != EINTR)
            return err_sys(err, "cannot write to a file in memory");
        at += n > 0 ? (size_t)n : 0;
    }
    int taken = fd;
    fd = -1;
    return taken;
}

static void pipe_fini(int ends[2])
{
    fd_fini(&ends[0]);
    fd_fini(&ends[1]);
}

int spawn_start(struct spawn *s, struct err *err)
{
    int out[2] = {-1, -1}, errors[2] = {-1, -1};
    if (!s->exec && access(s->argv[0], X_OK) < 0) {
        err_sys(err, "cannot run %s", s->argv[0]);
        err->code = CODE_UNAVAIL;
        return -1;
    }
    own(fd_fini) int in = memory_file(s->input, err);
    own(fd_fini) int secret = -1;
    if (in < 0 || (s->secret && (secret = memory_file(s->secret, err)) < 0))
        return -1;
    if (pipe2(out, O_CLOEXEC) < 0 || pipe2(errors, O_CLOEXEC) < 0) {
        pipe_fini(out);
        return err_sys(err, "cannot make a pipe");
    }
    signal(SIGCHLD, SIG_DFL); /* ignored by our parent, it would swallow the exit status */
    pid_t parent = getpid(), pid = fork();
    if (pid < 0) {
        pipe_fini(out);
        pipe_fini(errors);
        return err_sys(err, "cannot start %s", s->argv[0]);
    }
    if (pid == 0)
        child(s, parent, in, secret, out[1], errors[1]);
    setpgid(pid, pid);
    close(out[1]);
    close(errors[1]);
    s->pid = pid;
    s->pipes[0] = out[0];
    s->pipes[1] = errors[0];
    s->began = clock_boot();
    return 0;
}

static bool is_open(const struct spawn *s)
{
    return s->pid > 0 && (s->pipes[0] >= 0 || s->pipes[1] >= 0);
}

/* Over its time, its size, or no longer wanted: told to end, and soon made to. What it wrote while
 * nobody read is taken in before its time counts. */
static void bound(struct spawn *s, int64_t since)
{
    int64_t now = clock_boot(), began = s->began > since ? s->began : since;
    size_t limit = s->output_max ? s->output_max : 64u << 20;
    s->flooded |= s->out.len > limit;
    s->timed_out |= s->deadline_ms && now > s->began + s->deadline_ms && now > began + LATE_MS;
    s->stopped |= !s->ending && s->stop && s->stop(s->context);
    if ((s->flooded || s->timed_out || s->stopped) && now > s->ending) {
        kill(-s->pid, s->ending ? SIGKILL : SIGTERM);
        s->ending = now + 3000;
    }
}

/* One look at all of them, for at most 200 ms; how many pipes were open before it. */
static size_t serve(struct spawn *const list[], size_t n, int64_t since)
{
    struct pollfd *fds = mem_new((2 * n + 1) * sizeof(*fds));
    size_t live = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < 2; k++) {
            bool open = list[i]->pid > 0 && list[i]->pipes[k] >= 0;
            fds[2 * i + k] = (struct pollfd){open ? list[i]->pipes[k] : -1, POLLIN, 0};
            live += open;
        }
    if (live)
        poll(fds, 2 * n, 200);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < 2; k++)
            if (fds[2 * i + k].revents && !drain(list[i], list[i]->pipes[k], k == 1))
                fd_fini(&list[i]->pipes[k]);
        if (is_open(list[i]))
            bound(list[i], since);
    }
    free(fds);
    return live;
}

void spawn_serve(struct spawn *const list[], size_t n)
{
    const int64_t since = clock_boot();
    while (serve(list, n, since) > 0)
        ;
    for (size_t i = 0; i < n; i++)
        while (list[i]->pid > 0 && waitpid(list[i]->pid, &list[i]->status, 0) < 0 && errno == EINTR)
            if (list[i]->stop && list[i]->stop(list[i]->context))
                kill(-list[i]->pid, SIGKILL);
}

void spawn_serve_some(struct spawn *const list[], size_t n)
{
    serve(list, n, 0);
}

bool spawn_silent(const struct spawn *s)
{
    return !is_open(s);
}

int spawn_result(struct spawn *s, struct err *err)
{
    s->pid = 0;
    if (s->timed_out)
        return err_set(err, CODE_TEMP, "%s did not end within %lld s", s->argv[0],
                       (long long)s->deadline_ms / 1000);
    if (s->flooded)
        return err_set(err, CODE_PROTO, "%s wrote more than it should", s->argv[0]);
    return WIFEXITED(s->status) ? WEXITSTATUS(s->status) : 128 + WTERMSIG(s->status);
}

int spawn_run(struct spawn *s, struct err *err)
{
    if (spawn_start(s, err) < 0)
        return -1;
    spawn_serve(&s, 1);
    return spawn_result(s, err);
}

bool spawn_ended(struct spawn *s)
{
    if (s->pid <= 0)
        return true;
    if (waitpid(s->pid, &s->status, WNOHANG) == 0)
        return false;
    pipe_fini(s->pipes);
    s->pid = 0;
    return true;
}

void spawn_fini(struct spawn *s)
{
    if (s->pid > 0) { /* started, and now nobody wants to know */
        kill(-s->pid, SIGKILL);
        pipe_fini(s->pipes);
        while (waitpid(s->pid, &s->status, 0) < 0 && errno == EINTR)
            ;
        s->pid = 0;
    }
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
