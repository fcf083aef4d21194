// The service as a Container App: its warehouse on an NFS share, backups in two regions, no passwords.
// docs/deploy.md says how, and what it does not do.
targetScope = 'resourceGroup'

@description('What the parts are called. Accounts add some characters, so that no one else has the name.')
@minLength(3)
@maxLength(11)
param name string = 'gatehouse'

@description('The region of the service and of its backups.')
param location string = resourceGroup().location

@description('The region of the copies: best the one that Azure pairs with the first.')
param pairedLocation string

@description('The image, with its registry and a tag.')
param image string

@description('The first key, an operator\'s: gatehouse_ and 64 characters that were drawn.')
@secure()
@minLength(32)
param firstKey string

@description('Size of the share of the warehouse, in GiB.')
@minValue(100)
param shareGiB int = 100

@description('When all tables are backed up: cron, in UTC.')
param backupSchedule string = '0 2 * * *'

var unique = take(uniqueString(resourceGroup().id), 8)
var port = 8000
var secretsFolder = '/etc/gatehouse/secrets'
var dataFolder = '/var/lib/gatehouse'
// Key Vault Secrets User
var secretsUser = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '4633458b-17de-408a-874b-0445c86b69e6')

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: name
  location: location
}

module primary 'storage.bicep' = {
  name: 'primary'
  params: {
    name: '${name}${unique}1'
    location: location
    principalId: identity.properties.principalId
  }
}

module paired 'storage.bicep' = {
  name: 'paired'
  params: {
    name: '${name}${unique}2'
    location: pairedLocation
    principalId: identity.properties.principalId
  }
}

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: '${name}-${unique}'
  location: location
  properties: {
    tenantId: subscription().tenantId
    sku: {
      family: 'A'
      name: 'standard'
    }
    enableRbacAuthorization: true
    enablePurgeProtection: true
  }
}

resource keySecret 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = {
  parent: vault
  name: 'first-key'
  properties: {
    value: firstKey
  }
}

resource maySeeSecrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, identity.id, secretsUser)
  scope: vault
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: secretsUser
  }
}

resource network 'Microsoft.Network/virtualNetworks@2024-01-01' = {
  name: name
  location: location
  properties: {
    addressSpace: {
      addressPrefixes: ['10.20.0.0/16']
    }
    subnets: [
      {
        name: 'apps'
        properties: {
          addressPrefix: '10.20.0.0/23'
          serviceEndpoints: [
            {
              service: 'Microsoft.Storage'
            }
          ]
          delegations: [
            {
              name: 'apps'
              properties: {
                serviceName: 'Microsoft.App/environments'
              }
            }
          ]
        }
      }
    ]
  }
}

// The disk of the warehouse: NFS 4.1, since DuckDB and the standby need locks of POSIX. SMB has none.
resource disk 'Microsoft.Storage/storageAccounts@2023-05-01' = {
  name: '${name}${unique}d'
  location: location
  kind: 'FileStorage'
  sku: {
    name: 'Premium_ZRS'
  }
  properties: {
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: false // NFS is not HTTPS; only the subnet gets there
    allowSharedKeyAccess: false
    networkAcls: {
      defaultAction: 'Deny'
      virtualNetworkRules: [
        {
          id: network.properties.subnets[0].id
          action: 'Allow'
        }
      ]
    }
  }
}

resource files 'Microsoft.Storage/storageAccounts/fileServices@2023-05-01' = {
  parent: disk
  name: 'default'
}

resource share 'Microsoft.Storage/storageAccounts/fileServices/shares@2023-05-01' = {
  parent: files
  name: 'warehouse'
  properties: {
    enabledProtocols: 'NFS'
    rootSquash: 'NoRootSquash'
    shareQuota: shareGiB
  }
}

resource logs 'Microsoft.OperationalInsights/workspaces@2023-09-01' = {
  name: name
  location: location
  properties: {
    retentionInDays: 30
    sku: {
      name: 'PerGB2018'
    }
  }
}

resource apps 'Microsoft.App/managedEnvironments@2025-01-01' = {
  name: name
  location: location
  properties: {
    vnetConfiguration: {
      infrastructureSubnetId: network.properties.subnets[0].id
    }
    appLogsConfiguration: {
      destination: 'log-analytics'
      logAnalyticsConfiguration: {
        customerId: logs.properties.customerId
        sharedKey: logs.listKeys().primarySharedKey
      }
    }
    workloadProfiles: [
      {
        name: 'Consumption'
        workloadProfileType: 'Consumption'
      }
    ]
  }
}

resource volume 'Microsoft.App/managedEnvironments/storages@2025-01-01' = {
  parent: apps
  name: 'warehouse'
  properties: {
    nfsAzureFile: {
      server: '${disk.name}.file.core.windows.net'
      shareName: '/${disk.name}/${share.name}'
      accessMode: 'ReadWrite'
    }
  }
}

resource app 'Microsoft.App/containerApps@2025-01-01' = {
  name: name
  location: location
  dependsOn: [maySeeSecrets]
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identity.id}': {}
    }
  }
  properties: {
    managedEnvironmentId: apps.id
    workloadProfileName: 'Consumption'
    configuration: {
      activeRevisionsMode: 'Single'
      ingress: {
        external: true
        targetPort: port
        transport: 'http'
        allowInsecure: false
      }
      secrets: [
        {
          name: 'first-key'
          keyVaultUrl: keySecret.properties.secretUri
          identity: identity.id
        }
      ]
    }
    template: {
      terminationGracePeriodSeconds: 90
      scale: {
        minReplicas: 1
        maxReplicas: 1
      }
      initContainers: [
        {
          // A new share is root's, and the service is not.
          name: 'owner'
          image: 'mcr.microsoft.com/azurelinux/base/core:3.0'
          command: ['chown', '10001:10001', dataFolder]
          resources: {
            cpu: json('0.25')
            memory: '0.5Gi'
          }
          volumeMounts: [
            {
              volumeName: 'data'
              mountPath: dataFolder
            }
          ]
        }
      ]
      containers: [
        {
          name: 'gatehouse'
          image: image
          resources: {
            cpu: json('2.0')
            memory: '4Gi'
          }
          env: [
            {
              name: 'GATEHOUSE_STANDBY' // a new revision waits until the old one has ended
              value: 'true'
            }
            {
              name: 'GATEHOUSE_FIRST_KEY_FILE'
              value: '${secretsFolder}/first-key'
            }
            {
              name: 'GATEHOUSE_ALLOWED_HOSTS'
              value: '${name}.${apps.properties.defaultDomain}'
            }
            {
              name: 'GATEHOUSE_BACKUPS'
              value: primary.outputs.url
            }
            {
              name: 'GATEHOUSE_BACKUPS_COPY'
              value: paired.outputs.url
            }
            {
              name: 'GATEHOUSE_BACKUP_SCHEDULE'
              value: backupSchedule
            }
            {
              name: 'AZURE_CLIENT_ID' // of several identities, this one gets at the backups
              value: identity.properties.clientId
            }
          ]
          probes: [
            {
              type: 'Startup'
              httpGet: {
                path: '/health/live'
                port: port
              }
              periodSeconds: 60
              failureThreshold: 10
            }
            {
              type: 'Liveness'
              httpGet: {
                path: '/health/live'
                port: port
              }
              periodSeconds: 20
              timeoutSeconds: 5
              failureThreshold: 6
            }
            {
              // Not /health/ready: the old revision is ended once the new one is ready, and a standby
              // is ready once the old one has ended.
              type: 'Readiness'
              httpGet: {
                path: '/health/live'
                port: port
              }
              periodSeconds: 5
              timeoutSeconds: 5
            }
          ]
          volumeMounts: [
            {
              volumeName: 'data'
              mountPath: dataFolder
            }
            {
              volumeName: 'secrets'
              mountPath: secretsFolder
            }
          ]
        }
      ]
      volumes: [
        {
          name: 'data'
          storageType: 'NfsAzureFile'
          storageName: volume.name
        }
        {
          name: 'secrets'
          storageType: 'Secret'
          secrets: [
            {
              secretRef: 'first-key'
              path: 'first-key'
            }
          ]
        }
      ]
    }
  }
}

output url string = 'https://${app.properties.configuration.ingress.fqdn}'
