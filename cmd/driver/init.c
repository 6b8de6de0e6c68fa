/* execdm-init: the first process inside a sandbox. Starts the program, reaps what it leaves behind,
 * and tells on a descriptor how it ended, which bubblewrap cannot (it folds a signal into an exit
 * code). Static, so that it runs in any image; it uses nothing but the C library.
 *
 *     execdm-init FD PROGRAM [ARGUMENT...]
 *     execdm-init FIFO PROGRAM [ARGUMENT...]
 *
 * A container engine passes no descriptors, and would show the environment to everybody: there it
 * is a FIFO, and the file ENVIRONMENT has NAME=VALUE, each ended by NUL. The engine's own
 * filter of system calls lets more through than bubblewrap gets: the file FILTER has that one, and
 * the program starts behind both. Nobody but the supervisor has the FIFO's other end: when that is
 * closed, because it wants the end or is dead, all of this ends. The program sees the FIFO, too: it
 * starts only when nobody can open that any more, which the supervisor sees to when it is told
 * "here".
 *
 * SIGTSTP stops all of it, SIGCONT lets it go on. It writes to a FIFO a line "here", and then a
 * line "exec ERRNO", or "run" and at the end "exit CODE" or "signal NUMBER" followed by "
 * CPU-MILLISECONDS MAXRSS-KIB". When it ends, the kernel ends everything else in here. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ENVIRONMENT "/execdm/environment"
#define ENVIRONMENT_MAX (4 << 20) /* as large as a document may be */
#define FILTER "/execdm/filter"
#define LINGER_S 10 /* for what the supervisor looks up while we are there */
#define LOOK_MS 5   /* between looks at the FIFO's mode */

static volatile pid_t program;

static void forward(int sig)
{
    if (program > 0)
        kill(program, sig);
}

/* Everything in here but this process: the kernel stops or continues all of it in one go, so
 * nothing forks away from it. */
static void stop_all(int sig)
{
    (void)sig;
    kill(-1, SIGSTOP);
}

static void continue_all(int sig)
{
    (void)sig;
    kill(-1, SIGCONT);
}

/* Refused from here on, for this process and all it will start. */
static int take_filter(void)
{
    static struct sock_filter steps[BPF_MAXINSNS];
    const int fd = open(FILTER, O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd < 0 ? -1 : read(fd, steps, sizeof(steps));
    const struct sock_fprog all = {(unsigned short)(n / (ssize_t)sizeof(*steps)), steps};
    if (n <= 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -1;
    close(fd);
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &all);
}

static int start(char **argv, int filtered)
{
    int ends[2];
    int errnum = 0;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return errno;
    program = fork();
    if (program < 0)
        return errno;
    if (program == 0) {
        signal(SIGTERM, SIG_DFL);
        signal(SIGINT, SIG_DFL);
        signal(SIGTSTP, SIG_DFL);
        signal(SIGCONT, SIG_DFL);
        signal(SIGCHLD, SIG_DFL);
        if (!filtered || take_filter() == 0)
            execvp(argv[0], argv);
        errnum = errno;
        if (write(ends[1], &errnum, sizeof(errnum)) < 0)
            _exit(126);
        _exit(127);
    }
    close(ends[1]);
    if (read(ends[0], &errnum, sizeof(errnum)) != sizeof(errnum))
        errnum = 0; /* closed by the exec: it runs */
    close(ends[0]);
    return errnum;
}

static void report(int fd, int status)
{
    struct rusage u;
    getrusage(RUSAGE_CHILDREN, &u);
    long cpu = (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000 +
               (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1000;
    dprintf(fd, "%s %d %ld %ld\n", WIFSIGNALED(status) ? "signal" : "exit",
            WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), cpu, u.ru_maxrss);
}

/* Its own, and nothing of what the engine thinks of. */
static int read_environment(void)
{
    static char text[ENVIRONMENT_MAX + 1];
    static char *list[ENVIRONMENT_MAX / 2 + 1];
    size_t n = 0, count = 0;
    ssize_t got = 0;
    int fd = open(ENVIRONMENT, O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && n < ENVIRONMENT_MAX && (got = read(fd, text + n, ENVIRONMENT_MAX - n)) > 0)
        n += (size_t)got;
    if (fd < 0 || got < 0)
        return -1;
    close(fd);
    for (char *at = text; at < text + n; at += strlen(at) + 1)
        list[count++] = at;
    environ = list;
    return 0;
}

static void woken(int sig)
{
    (void)sig;
}

/* Does anybody listen? */
static int is_alone(int fd, const struct timespec *most, const sigset_t *mask)
{
    struct pollfd p = {fd, 0, 0};
    return ppoll(&p, 1, most, mask) > 0;
}

/* Until the FIFO is closed to all who have not opened it yet. -1: nobody listens. */
static int await_closing(int fd)
{
    struct stat st;
    dprintf(fd, "here\n");
    while (fstat(fd, &st) < 0 || st.st_mode & 0777)
        if (is_alone(fd, &(struct timespec){0, LOOK_MS * 1000000}, NULL))
            return -1;
    return 0;
}

/* How the program ended; -1: nobody wants to know any more. */
static int await(int fd, const sigset_t *mask, int *status)
{
    for (;;) {
        pid_t pid;
        while ((pid = waitpid(-1, status, WNOHANG)) > 0)
            if (pid == program)
                return 0;
        if (pid < 0 && errno == ECHILD)
            return 0;
        if (is_alone(fd, NULL, mask))
            return -1;
    }
}

int main(int argc, char **argv)
{
    int status = 0;
    sigset_t blocked, before;
    if (argc < 3)
        return 64;
    const int fifo = argv[1][0] == '/';
    const int fd = fifo ? open(argv[1], O_WRONLY | O_NONBLOCK | O_CLOEXEC) : atoi(argv[1]);
    if (fd < 0 || (fifo && read_environment() < 0))
        return 69;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    /* the program, which is the same user, cannot trace us, nor open fd */
    prctl(PR_SET_DUMPABLE, 0);
    if (fifo && await_closing(fd) < 0)
        return 69;
    signal(SIGTERM, forward);
    signal(SIGINT, forward);
    signal(SIGTSTP, stop_all);
    signal(SIGCONT, continue_all);
    signal(SIGCHLD, woken);
    int errnum = start(argv + 2, fifo);
    if (errnum) {
        dprintf(fd, "exec %d\n", errnum);
        return 127;
    }
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    sigprocmask(SIG_BLOCK, &blocked, &before);
    dprintf(fd, "run\n");
    if (await(fd, &before, &status) < 0)
        return 0;
    report(fd, status);
    sigfillset(&blocked);
    if (fifo)
        is_alone(fd, &(struct timespec){LINGER_S, 0}, &blocked);
    return 0;
}
