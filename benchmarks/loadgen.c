/* A closed-loop HTTP/1.1 load generator: N keep-alive connections, one thread, one epoll.

   loadgen -p PORT -u PATH [-b BODIES] [options]     prints one JSON object

   BODIES has one request body a line, after the status that its answer must have:
       201 [{"id":@@@@@@@@@@,"name":"Ada"}]
   Connections take the lines in turn. Each run of @ is overwritten in place with the next id, so
   ids never repeat; they must have as many digits as there are @. Without BODIES it sends GETs,
   which must be answered 200.

   A request counts for the rates when it was answered inside the measured time, and for the
   latencies when it was sent inside it; so a slow answer at the end is not lost. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef struct {
    char *body;
    size_t length;
    size_t *ids; /* where in the body an id goes */
    int rows, status;
} Line;

typedef struct {
    int fd, status;
    char *request, *answer;
    size_t length, sent, received, capacity;
    ssize_t total; /* length of the answer; 0: not known yet; -1: chunked */
    const Line *line;
    double began;
} Connection;

static struct {
    const char *host, *path, *bodies, *log;
    int port, connections;
    double warm_up, seconds;
    long requests, id;
    char headers[4096];
} asked = {.host = "127.0.0.1", .path = "/", .connections = 1, .warm_up = 1, .seconds = 5, .id = 1};

static Line *lines;
static long line_count, id_width, sent, answered, answered_in_time, rows_in_time;
static long statuses[600], unexpected;
static char first_unexpected[512];
static double *latencies, measured_from, measured_to;
static size_t latency_count, latency_capacity;
static FILE *log_file;
static int epoll;
static volatile sig_atomic_t stopped;

static void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("loadgen: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    exit(2);
}

static void *grow(void *memory, size_t bytes) {
    memory = realloc(memory, bytes);
    if (!memory) fail("no memory");
    return memory;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static double cpu_seconds(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return used.ru_utime.tv_sec + used.ru_stime.tv_sec +
           (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void stop(int signal) {
    (void)signal;
    stopped = 1;
}

/* Bodies */

static void find_ids(Line *line) {
    for (size_t at = 0; at < line->length;) {
        size_t run = strspn(line->body + at, "@");
        if (run > 1) {
            if (id_width && id_width != (long)run) fail("all ids must be equally wide");
            id_width = run;
            line->ids = grow(line->ids, (line->rows + 1) * sizeof *line->ids);
            line->ids[line->rows++] = at;
        }
        at += run ? run : 1;
    }
}

static void read_bodies(void) {
    char *text = NULL;
    size_t capacity = 0;
    ssize_t length;
    FILE *file = fopen(asked.bodies, "r");
    if (!file) fail("%s: %s", asked.bodies, strerror(errno));
    while ((length = getline(&text, &capacity, file)) > 4) {
        if (text[length - 1] == '\n') length--;
        lines = grow(lines, (line_count + 1) * sizeof *lines);
        Line line = {.body = strndup(text + 4, length - 4), .length = length - 4};
        line.status = atoi(text);
        find_ids(&line);
        lines[line_count++] = line;
    }
    fclose(file);
    free(text);
    if (!line_count) fail("%s has no bodies", asked.bodies);
}

static void no_bodies(void) {
    static Line get = {.body = "", .status = 200};
    lines = &get;
    line_count = 1;
}

static void write_id(char *at) {
    long id = asked.id++;
    for (long digit = id_width - 1; digit >= 0; digit--, id /= 10) at[digit] = '0' + id % 10;
    if (id) fail("the ids no longer fit into %ld digits", id_width);
}

/* Connections */

static void watch(Connection *connection, uint32_t events, int operation) {
    struct epoll_event event = {.events = events, .data.ptr = connection};
    if (epoll_ctl(epoll, operation, connection->fd, &event)) fail("epoll: %s", strerror(errno));
}

static void open_connection(Connection *connection) {
    int yes = 1, megabyte = 1 << 20;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(asked.port)};
    if (!inet_pton(AF_INET, asked.host, &address.sin_addr)) fail("%s is no address", asked.host);
    connection->fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    setsockopt(connection->fd, SOL_SOCKET, SO_SNDBUF, &megabyte, sizeof megabyte);
    if (connect(connection->fd, (struct sockaddr *)&address, sizeof address))
        fail("%s port %d: %s", asked.host, asked.port, strerror(errno));
    size_t longest = 0;
    for (long i = 0; i < line_count; i++)
        if (lines[i].length > longest) longest = lines[i].length;
    connection->request = grow(NULL, longest + sizeof asked.headers + 1024);
    connection->answer = grow(NULL, connection->capacity = 1 << 16);
    watch(connection, EPOLLIN, EPOLL_CTL_ADD);
}

static void send_rest(Connection *connection) {
    while (connection->sent < connection->length) {
        ssize_t count = send(connection->fd, connection->request + connection->sent,
                             connection->length - connection->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count < 0 && errno == EAGAIN) {
            watch(connection, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
            return;
        }
        if (count < 0) fail("send: %s", strerror(errno));
        connection->sent += count;
    }
}

static void send_next(Connection *connection) {
    const Line *line = connection->line = &lines[sent++ % line_count];
    int head = asked.bodies
                   ? sprintf(connection->request,
                             "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                             "%sContent-Length: %zu\r\n\r\n",
                             asked.path, asked.headers, line->length)
                   : sprintf(connection->request, "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n",
                             asked.path, asked.headers);
    memcpy(connection->request + head, line->body, line->length);
    for (int row = 0; row < line->rows; row++)
        write_id(connection->request + head + line->ids[row]);
    connection->length = head + line->length;
    connection->sent = connection->received = connection->total = 0;
    connection->began = now();
    send_rest(connection);
}

/* Answers */

static void read_head(Connection *connection) {
    char *end = memmem(connection->answer, connection->received, "\r\n\r\n", 4);
    if (!end) return;
    end[2] = '\0'; /* the head is a string now */
    connection->status = atoi(connection->answer + 9);
    char *length = strcasestr(connection->answer, "\r\ncontent-length:");
    char *chunked = strcasestr(connection->answer, "\r\ntransfer-encoding: chunked");
    if (!length && !chunked) fail("an answer without a length:\n%s", connection->answer);
    end[2] = '\r';
    connection->total =
        length ? end + 4 - connection->answer + atol(length + 17) : -1;
}

static int is_complete(const Connection *connection) {
    if (connection->total >= 0)
        return connection->total && connection->received >= (size_t)connection->total;
    /* No request is sent before the answer has ended, so what ends like the last chunk is it. */
    return connection->received > 5 &&
           !memcmp(connection->answer + connection->received - 5, "0\r\n\r\n", 5);
}

static void record(const Connection *connection) {
    double ended = now();
    int expected = connection->status == connection->line->status;
    answered++;
    if (connection->status < 600) statuses[connection->status]++;
    if (!expected && !unexpected++)
        snprintf(first_unexpected, sizeof first_unexpected, "%.*s", (int)connection->received,
                 connection->answer);
    if (expected && ended >= measured_from && ended <= measured_to) {
        answered_in_time++;
        rows_in_time += connection->line->rows;
    }
    if (connection->began < measured_from) return;
    if (latency_count == latency_capacity)
        latencies = grow(latencies, (latency_capacity = latency_capacity * 2 + 4096) *
                                        sizeof *latencies);
    latencies[latency_count++] = ended - connection->began;
    if (log_file)
        fprintf(log_file, "%.6f %.6f %d\n", connection->began, ended, connection->status);
}

static int receive(Connection *connection) {
    if (connection->received == connection->capacity - 1)
        connection->answer = grow(connection->answer, connection->capacity *= 2);
    ssize_t count = recv(connection->fd, connection->answer + connection->received,
                         connection->capacity - 1 - connection->received, MSG_DONTWAIT);
    if (count < 0 && errno == EAGAIN) return 0;
    if (count <= 0) fail("the server closed a connection");
    connection->received += count;
    connection->answer[connection->received] = '\0';
    if (!connection->total) read_head(connection);
    return is_complete(connection);
}

static int goes_on(void) {
    if (stopped) return 0;
    return asked.requests ? sent < asked.requests : now() < measured_to;
}

static void run(void) {
    struct epoll_event events[64];
    Connection *connections = calloc(asked.connections, sizeof *connections);
    for (int i = 0; i < asked.connections; i++) open_connection(&connections[i]);
    for (int i = 0; i < asked.connections && goes_on(); i++) send_next(&connections[i]);
    while (answered < sent) {
        int count = epoll_wait(epoll, events, 64, -1);
        for (int i = 0; i < count; i++) {
            Connection *connection = events[i].data.ptr;
            if (events[i].events & EPOLLOUT) {
                watch(connection, EPOLLIN, EPOLL_CTL_MOD);
                send_rest(connection);
            }
            if (events[i].events & ~EPOLLOUT && receive(connection)) {
                record(connection);
                if (goes_on()) send_next(connection);
            }
        }
    }
}

/* What came out */

static int by_size(const void *one, const void *other) {
    double difference = *(const double *)one - *(const double *)other;
    return (difference > 0) - (difference < 0);
}

static double percentile(double share) {
    if (!latency_count) return 0;
    size_t rank = share * latency_count;
    return latencies[rank < latency_count ? rank : latency_count - 1] * 1e3;
}

static void print_text(const char *text) {
    putchar('"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') putchar('\\');
        if ((unsigned char)*text < ' ') printf("\\u%04x", *text);
        else putchar(*text);
    }
    putchar('"');
}

static void print_result(double seconds, double cpu) {
    qsort(latencies, latency_count, sizeof *latencies, by_size);
    printf("{\"rows_per_second\":%.1f,\"requests_per_second\":%.1f,", rows_in_time / seconds,
           answered_in_time / seconds);
    printf("\"p50_ms\":%.3f,\"p90_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f,", percentile(.5),
           percentile(.9), percentile(.99), percentile(1));
    printf("\"seconds\":%.3f,\"requests\":%ld,\"latencies\":%zu,\"next_id\":%ld,", seconds, answered,
           latency_count, asked.id);
    printf("\"cpu_seconds\":%.3f,\"cpu_share\":%.4f,\"statuses\":{", cpu, cpu / seconds);
    const char *comma = "";
    for (int status = 0; status < 600; status++)
        if (statuses[status]) {
            printf("%s\"%d\":%ld", comma, status, statuses[status]);
            comma = ",";
        }
    printf("},\"unexpected\":%ld,\"first_unexpected\":", unexpected);
    print_text(first_unexpected);
    puts("}");
}

static void read_arguments(int count, char **arguments) {
    int option;
    while ((option = getopt(count, arguments, "a:p:u:b:c:w:t:n:i:h:l:")) != -1) switch (option) {
        case 'a': asked.host = optarg; break;
        case 'p': asked.port = atoi(optarg); break;
        case 'u': asked.path = optarg; break;
        case 'b': asked.bodies = optarg; break;
        case 'c': asked.connections = atoi(optarg); break;
        case 'w': asked.warm_up = atof(optarg); break;  /* seconds that do not count */
        case 't': asked.seconds = atof(optarg); break;  /* seconds that count */
        case 'n': asked.requests = atol(optarg); break; /* or: so many requests, all counting */
        case 'i': asked.id = atol(optarg); break;       /* the first id */
        case 'l': asked.log = optarg; break; /* file for "sent answered status", monotonic seconds */
        case 'h':
            if (strlen(asked.headers) + strlen(optarg) + 3 > sizeof asked.headers)
                fail("too many headers");
            strcat(strcat(asked.headers, optarg), "\r\n");
            break;
        default: exit(2);
        }
    if (!asked.port) fail("which port (-p)?");
    if (strlen(asked.path) > 512) fail("the path is too long");
}

int main(int count, char **arguments) {
    read_arguments(count, arguments);
    if (asked.bodies) read_bodies();
    else no_bodies();
    if (asked.log && !(log_file = fopen(asked.log, "w"))) fail("%s: %s", asked.log, strerror(errno));
    signal(SIGTERM, stop);
    epoll = epoll_create1(0);
    measured_from = now() + (asked.requests ? 0 : asked.warm_up);
    measured_to = asked.requests ? 1e300 : measured_from + asked.seconds;
    double cpu = cpu_seconds(), began = now();
    run();
    double ended = now();
    /* CPU is that of the whole run, scaled to the measured part of it. */
    double seconds = asked.requests || stopped ? ended - measured_from : asked.seconds;
    print_result(seconds, (cpu_seconds() - cpu) * seconds / (ended - began));
    if (log_file) fclose(log_file);
    return unexpected > 0;
}
