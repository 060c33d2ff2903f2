//! Groups of the options of `cliplet serve`.

use std::net::IpAddr;

use clap::Args;

#[derive(Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitArgs {
    /// Largest body of a request, in MB.
    #[arg(long, value_name = "MB", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub max_body_mb: u32,
    /// Largest image, in megapixels.
    #[arg(long, value_name = "MP", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub max_megapixels: u32,
    /// Most rows of a request.
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_rows: u32,
    /// Most labels of a request.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_labels: u32,
    /// Most requests for the model in progress at a time.
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_requests: u32,
    /// Most requests for the model in progress at a time for one client: an address, or a key where the key file
    /// has several. Three quarters of --max-requests by default.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_requests_per_client: Option<u32>,
    /// Most connections open at a time. Where more come, idle ones make room; probes are answered all the same.
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_connections: u32,
    /// Most connections open at a time for one client address. Three quarters of --max-connections by default.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_connections_per_client: Option<u32>,
    /// Longest time for a request, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    pub timeout: u32,
}

#[derive(Args)]
#[command(next_help_heading = "Images from URLs")]
pub struct UrlArgs {
    /// Fetch images that requests give as http(s) URLs, from public addresses only.
    #[arg(long)]
    pub allow_url_images: bool,
    /// Largest image fetched, in MB.
    #[arg(long, value_name = "MB", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub url_max_mb: u32,
    /// Longest time to fetch one, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub url_timeout: u32,
    /// Most redirects followed.
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub url_redirects: u8,
}

#[derive(Args)]
#[command(next_help_heading = "Batching")]
pub struct BatchArgs {
    /// Largest batch of images.
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..))]
    pub batch_images: u32,
    /// Largest batch of texts.
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..))]
    pub batch_texts: u32,
    /// Longest time that an image or text waits for others to share its batch, in milliseconds; three
    /// times as long for those that are on their way.
    #[arg(long, value_name = "MS", default_value_t = 2)]
    pub batch_wait_ms: u32,
    /// Images that may be in progress at a time; more are answered with 429.
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..))]
    pub queue_images: u32,
    /// Texts that may be in progress at a time; more are answered with 429.
    #[arg(long, value_name = "N", default_value_t = 8192, value_parser = clap::value_parser!(u32).range(1..))]
    pub queue_texts: u32,
    /// Threads that decode and resize images; 0 is one for each core.
    #[arg(long, alias = "picture-threads", value_name = "N", default_value_t = 0)]
    pub decode_threads: u16,
}

#[derive(Args)]
#[command(next_help_heading = "Web pages and proxies")]
pub struct OriginArgs {
    /// Hosts beside loopback names that a server without a key answers for; `*` allows all. It guards against
    /// pages that make a name of theirs resolve to this machine.
    #[arg(long, value_name = "HOST", value_delimiter = ',')]
    pub allowed_hosts: Vec<String>,
    /// Origins of web pages that may use the server, such as https://app.example.org; `*` allows all.
    #[arg(long, value_name = "ORIGIN", value_delimiter = ',')]
    pub cors_origin: Vec<String>,
    /// Addresses of proxies whose Forwarded or X-Forwarded-For header names the client.
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',')]
    pub trusted_proxy: Vec<IpAddr>,
}
