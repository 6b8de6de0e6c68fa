/* execdm-init: the first process inside a sandbox. Starts the program, reaps what it leaves behind,
 * and tells on a descriptor how it ended, which bubblewrap cannot (it folds a signal into an exit
 * code). Static, so that it runs in any image; it uses nothing but the C library.
 *
 *     execdm-init FD PROGRAM [ARGUMENT...]
 *
 * SIGTSTP stops all of it, SIGCONT lets it go on. It writes a line "exec ERRNO", or "run" and at
 * the end "exit CODE" or "signal NUMBER" followed by " CPU-MILLISECONDS MAXRSS-KIB". When it ends,
 * the kernel ends everything else in here. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

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

static int start(char **argv)
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

int main(int argc, char **argv)
{
    int status;
    if (argc < 3)
        return 64;
    int fd = atoi(argv[1]);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    prctl(PR_SET_DUMPABLE,
          0); /* the program, which is the same user, cannot trace us, nor open fd */
    signal(SIGTERM, forward);
    signal(SIGINT, forward);
    signal(SIGTSTP, stop_all);
    signal(SIGCONT, continue_all);
    int errnum = start(argv + 2);
    if (errnum) {
        dprintf(fd, "exec %d\n", errnum);
        return 127;
    }
    dprintf(fd, "run\n");
    for (;;) {
        pid_t pid = wait(&status);
        if (pid < 0 && errno == EINTR)
            continue;
        if (pid == program || pid < 0)
            break;
    }
    report(fd, status);
    return 0;
}
