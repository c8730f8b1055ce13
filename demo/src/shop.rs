//! Runs the services and the traffic.

use std::error::Error;
use std::io::{Write, stdout};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::args::Args;
use crate::ports::Ports;
use crate::shopper::{self, Visits};
use crate::stop::{self, Closing};
use crate::telemetry::Telemetry;
use crate::{catalog, gateway, orders};

/// The time for open calls when the shop closes.
const LAST_CALLS: Duration = Duration::from_secs(1);

/// A service has failed.
#[derive(Debug, thiserror::Error)]
enum ServeError {
    #[error("a gRPC service failed: {0}")]
    Grpc(#[from] tonic::transport::Error),
    #[error("the gateway failed: {0}")]
    Http(#[from] std::io::Error),
}

/// Runs the shop until its time is over or a signal comes. Returns the outcomes of the visits.
pub(crate) async fn open(
    args: &Args,
    ports: Ports,
    telemetry: &Telemetry,
) -> Result<Visits, Box<dyn Error>> {
    let signal = stop::signal()?;
    let door = ports.gateway.address;
    greet(args, door, telemetry);

    let closing = Closing::new();
    let catalog = catalog::serve(
        ports.catalog.listener,
        catalog::Database::open(&telemetry.catalog)?,
        telemetry.catalog.server(),
        closing.closed(),
    );
    let orders = orders::serve(
        ports.orders.listener,
        catalog::client(ports.catalog.address, &telemetry.orders)?,
        telemetry.orders.server(),
        closing.closed(),
    );
    let gateway = gateway::serve(
        ports.gateway.listener,
        gateway::Clients::new(
            ports.orders.address,
            ports.catalog.address,
            &telemetry.gateway,
        )?,
        telemetry.gateway.server(),
        closing.closed(),
    );
    let mut services: JoinSet<Result<(), ServeError>> = JoinSet::new();
    services.spawn(async { Ok(catalog.await?) });
    services.spawn(async { Ok(orders.await?) });
    services.spawn(async { Ok(gateway.await?) });

    let mut visits = Visits::default();
    let shopping = async {
        let length = Duration::from_secs(args.seconds);
        shopper::shop(door, length, &telemetry.shopper, &mut visits).await?;
        if args.keep {
            std::future::pending::<()>().await;
        }
        Ok::<(), Box<dyn Error>>(())
    };
    tokio::select! {
        result = shopping => result?,
        () = signal => {
            // After the terminal's ^C.
            let _ = writeln!(stdout());
        }
        Some(result) = services.join_next() => result??,
    }
    closing.close();
    let last_calls = async { while services.join_next().await.is_some() {} };
    let _ = timeout(LAST_CALLS, last_calls).await;
    Ok(visits)
}

fn greet(args: &Args, gateway: SocketAddr, telemetry: &Telemetry) {
    let mut text = format!(
        "the shop is open at http://{gateway}\n{}\n",
        telemetry.announcement()
    );
    if args.keep {
        text.push_str(&format!(
            "\
try it, Ctrl-C closes the shop:
  curl http://{gateway}/items/teapot
  curl 'http://{gateway}/items/teapot/prices?count=5'
  curl http://{gateway}/orders -H 'content-type: application/json' -d '{}'
  curl http://{gateway}/orders -H 'content-type: application/json' -d '{}'
",
            r#"{"sku": "teapot", "quantity": 2}"#, r#"{"sku": "unicorn", "quantity": 1}"#
        ));
    }
    // A closed pipe is ignored.
    let _ = writeln!(stdout(), "{text}");
}
